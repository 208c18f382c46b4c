"""The ledger: accounts in their own units that may not go below zero; knows no models and no network."""

"""Measurements that print figures, and proofs too heavy for the test suite."""

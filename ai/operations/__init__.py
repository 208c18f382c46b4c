"""What keeps a mind running for years: doctor, backup, restore, alerts and the lock."""

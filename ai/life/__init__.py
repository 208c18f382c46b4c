"""Birth, identity, death and rebirth: one life is one file that a person can read."""

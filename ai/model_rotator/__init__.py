"""Who thinks next: a pure policy, and the rotation that feeds it with what is known and remembers what was used."""

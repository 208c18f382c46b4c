"""The networks, a file each: who is to add one writes that file and its settings."""

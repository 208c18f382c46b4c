"""The mind's own database: its journal, the words of its events, its commands and its schedule."""

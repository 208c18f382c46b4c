"""What happens around the mind: small sources behind one interface, each bounded, each failing quietly.

    sources ─► World.look (what is new since when) ─► happenings in mind.db ─► World.since (at most three a beat)

A source says its name, how often it is asked, and what is new since a moment. It raises what it likes: the world notes
the trouble once, `doctor` tells it, and the beat goes on without it. Words of strangers are marked as theirs.
"""

from ai.world.happening import Happening, Source, SourceTrouble
from ai.world.world import World, told

__all__ = ["Happening", "Source", "SourceTrouble", "World", "told"]

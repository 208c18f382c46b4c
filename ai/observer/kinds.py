"""What kinds of events a reader tells apart: each with its mark, its place in the filters, and its tone."""

from dataclasses import dataclass

from ai.mind.events import EVENTS, line_for


@dataclass(frozen=True, slots=True)
class Group:
    """A filter of the page: its name in links, its label, and which kinds belong to it (by their beginning)."""

    name: str
    label: str
    one: str  # the label of a single event
    prefixes: tuple[str, ...]


GROUPS = (
    Group("thoughts", "Thoughts", "Thought", ("thought", "memory.reflected", "self.")),
    Group("actions", "Actions", "Action", ("action.",)),
    Group("models", "Models", "Change of model", ("model.", "call.fallback", "local.takes_over")),
    Group("posts", "Posts", "Post", ("post.", "work.")),
    Group("money", "Money", "Money", ("brain.budget", "call.settled", "call.unknown", "call.dearer")),
    Group("lives", "Lives", "Life", ("life.",)),
    Group("care", "Messages", "Message", ("caretaker.", "letter.", "votes.", "brain.paused", "brain.resumed")),
    Group(
        "alerts",
        "Alerts",
        "Alert",
        (
            "alert",
            "daemon.trouble",
            "daemon.clock",
            "beat.empty",
            "beat.failed",
            "beat.interrupted",
            "local.unavailable",
            "call.unrecorded",
        ),
    ),
    Group("calls", "Calls", "Call", ("call.",)),
    Group("beats", "Beats", "Beat", ("beat.", "thought.drafted")),
    Group("house", "House", "The house", ("",)),
)
QUIET = frozenset({"calls", "beats", "house"})  # left out of the story unless asked for
STORY = "story"
EVERYTHING = "all"


def group_of(kind: str) -> Group:
    """Return the group that names most of `kind`'s beginning; the last one takes whatever no other names."""
    return max(GROUPS, key=lambda group: max((len(one) for one in group.prefixes if kind.startswith(one)), default=-1))


def kinds_shown(view: str) -> frozenset[str] | None:
    """Return the kinds that the filter `view` shows, None for everything; raises ValueError for no such filter."""
    if view == EVERYTHING:
        return None
    if view == STORY:
        return frozenset(kind for kind in EVENTS if group_of(kind).name not in QUIET)
    if view not in {group.name for group in GROUPS}:
        names = ", ".join((STORY, EVERYTHING, *(g.name for g in GROUPS)))
        raise ValueError(f"show={view[:40]!r} is no filter; it is one of {names}")
    return frozenset(kind for kind in EVENTS if group_of(kind).name == view)


def tone_of(kind: str) -> str:
    """Return how an event should sound on the page: `voice`, `act`, `warn`, `error`, or `note`."""
    if kind == "thought":
        return "voice"
    level = line_for(kind).level
    if level in {"warning", "error"}:
        return "warn" if level == "warning" else "error"
    return "act" if group_of(kind).name in {"actions", "posts", "lives", "care"} else "note"

"""What kinds of events a reader tells apart: each with its mark, its place in the filters, and its tone."""

from dataclasses import dataclass

from ai.log_lines import EVENTS, line_for


@dataclass(frozen=True, slots=True)
class Group:
    """A filter of the page: its name in links, its label, and which kinds belong to it (by their beginning)."""

    name: str
    label: str
    one: str  # the label of a single event
    prefixes: tuple[str, ...]


GROUPS = (
    Group("thoughts", "Thoughts", "Thought", ("thought", "memory.", "self.")),
    Group("actions", "Actions", "Action", ("action.",)),
    Group("models", "Minds", "Change of mind", ("model.", "call.fallback", "local.", "catalogue.", "brain.model")),
    Group("posts", "Posts", "Post", ("post.",)),
    Group("money", "Money", "Money", ("purse.", "donation.", "brain.budget", "budget.")),
    Group(
        "lives",
        "Lives",
        "Life",
        ("life.", "beat.interrupted", "beat.empty", "beat.failed", "brain.paused", "brain.resumed"),
    ),
    Group("care", "Messages", "Message", ("caretaker.",)),
    Group("alerts", "Alerts", "Alert", ("alert", "daemon.trouble", "daemon.clock")),
    Group("calls", "Calls", "Call", ("call.",)),
    Group("beats", "Beats", "Beat", ("beat.", "brain.", "daemon.")),
)
QUIET = frozenset({"calls", "beats"})  # left out of the story unless asked for
STORY = "story"
EVERYTHING = "all"


def group_of(kind: str) -> Group:
    """Return the first group that `kind` belongs to; what no group names is a beat's inner working."""
    return next((g for g in GROUPS if kind.startswith(g.prefixes)), GROUPS[-1])


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

"""People at the door: whether visitors may write, and whether they vote."""

from typing import Literal

from pydantic import BaseModel

from ai.settings.fields import setting


class PeopleSettings(BaseModel):
    """The settings of visitors and votes; both are off by default."""

    visitors: Literal["off", "on", "approve"] = setting(
        "off", "`on`: visitors of the page may write; `approve`: the caretaker releases each message", "approve"
    )
    votes: Literal["off", "on"] = setting(
        "off",
        "`on`: visitors vote `live` or `die`; counted hourly; at least `VOTES_TO_DIE` votes and more `die` than `live` "
        "end a life, not in its first day",
        "on",
    )
    votes_to_die: int = setting(10, "votes of one hour that it takes to end a life", "10", ge=1, le=1_000_000)

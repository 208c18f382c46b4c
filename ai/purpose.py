"""Why a call is made: the purposes that money is booked under and that the rotator weighs."""

from enum import StrEnum


class Purpose(StrEnum):
    """What a call is for; its value stands in the books and in `by_purpose`."""

    THOUGHT = "thought"
    SOCIAL = "social"
    IMPORTANT = "important"
    CRISIS = "crisis"
    BIRTH = "birth"
    REFLECTION = "reflection"
    DEATH = "death"
    POST = "post"
    EMBEDDING = "embedding"

"""What an action may reach of the other rooms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from ai.clock import Clock
    from ai.credit_tracker import CreditTracker
    from ai.life.own_files import OwnFiles
    from ai.memory import MemoryStream
    from ai.mind.journal import Journal
    from ai.model_config.catalogue import Catalogue
    from ai.model_rotator.rotation import Rotation
    from ai.people import Letters, Persons, Works
    from ai.settings import Settings
    from ai.social import Outbox


@dataclass(frozen=True, slots=True)
class ActionContext:
    """Everything an action may reach in one step of one beat.

    `rest(seconds)` puts the next beat off and returns when it is. `reflect()` looks back over recent memories and
    returns what was understood, or raises Refused where it is too soon. `importance` is the weight that the reply gave
    its moment.
    """

    life: int | None
    beat: int | None
    memory: MemoryStream
    tracker: CreditTracker
    rotation: Rotation
    catalogue: Catalogue
    outbox: Outbox
    workspace: OwnFiles
    letters: Letters
    persons: Persons
    works: Works
    rest: Callable[[float], datetime]
    reflect: Callable[[], Awaitable[str]]
    journal: Journal
    clock: Clock
    settings: Settings
    importance: int | None = None

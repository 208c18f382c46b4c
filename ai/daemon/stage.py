"""What a life can be played on instead of the world outside: who answers, and where posts go."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ai.llm import Endpoint
from ai.model_config import Model
from ai.social.network import Network


@dataclass(frozen=True, slots=True)
class Stage:
    """Stands in for providers and networks; everything else of an app is real.

    `endpoints` answer in the place of the provider and of the embedded model, which `local_models` lists.
    """

    endpoints: Sequence[Endpoint]
    local_models: Callable[[], Sequence[Model]]
    networks: Sequence[Network]

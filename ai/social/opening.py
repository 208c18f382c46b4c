"""Opens the networks of the settings, each from the file of its name in `networks/`; asks whether keys work."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module

from ai.clock import Clock
from ai.settings import Settings
from ai.social.network import Network, Result
from ai.social.reaching import reach


@dataclass(frozen=True, slots=True)
class NetworkCheck:
    """Whether a network takes posts with the settings' keys (None: nobody could tell), and what it said."""

    name: str
    title: str
    works: bool | None
    detail: str


def open_networks(settings: Settings, clock: Clock) -> Sequence[Network]:
    """Return the networks that posts go to, in the order of NETWORKS; none is asked for anything yet.

    Raises ValueError with one line where TWEETS lets posts leave and a key is missing.
    """
    problem = settings.missing_network_keys()
    if problem is not None:
        raise ValueError(problem)
    return [
        import_module(f"ai.social.networks.{name}").open_network(settings, clock) for name in settings.posting_networks
    ]


async def check_networks(settings: Settings, clock: Clock) -> list[NetworkCheck]:
    """Ask each network, for nothing, whether it takes posts with the settings' keys; none where nothing may leave.

    Raises ValueError with one line where TWEETS lets posts leave and a key is missing.
    """
    if settings.tweets == "dry-run":
        return []
    found = []
    for network in open_networks(settings, clock):
        answer = await reach(network.check, network.title)
        works = answer.result is Result.DONE
        known = works or answer.result in {Result.ACCOUNT, Result.REFUSED}
        found.append(
            NetworkCheck(network.name, network.title, works if known else None, answer.detail or "the keys work")
        )
    return found

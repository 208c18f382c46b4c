"""The Observer: the page people watch, its API and its live stream; it reads and never spends."""

from ai.observer.app import create_app
from ai.observer.donations import Donations
from ai.observer.mounts import Mounted
from ai.observer.server import ObserverServer
from ai.observer.sources import Donation, ObserverSources, Receipt

__all__ = ["Donation", "Donations", "Mounted", "ObserverServer", "ObserverSources", "Receipt", "create_app"]

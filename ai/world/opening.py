"""Opens the sources that a person's settings ask for: what is not named is not fetched."""

from ai.clock import Clock
from ai.mind.database import MindDatabase
from ai.mind.journal import Journal
from ai.settings import Settings
from ai.world.feeds import Feed
from ai.world.fetching import Fetcher
from ai.world.happening import Source
from ai.world.journal_news import Ballot, Money, Posts
from ai.world.machine import Machine
from ai.world.sky import Sky
from ai.world.visitors import Visitors
from ai.world.weather import Weather
from ai.world.world import World


def open_world(settings: Settings, mind: MindDatabase, journal: Journal, clock: Clock, visitors: Visitors) -> World:
    """Return the world with its machine, its money, its posts, its page, and the place and feeds that are named."""
    fetcher = Fetcher()
    interval = float(settings.think_interval_seconds)
    sources: list[Source] = [
        Machine(mind, clock, settings.data_dir, clock.now(), interval),
        Money(mind, clock),
        Posts(mind),
        visitors,
    ]
    if settings.votes == "on":
        sources.append(Ballot(mind))
    if settings.place is not None:
        sources += [Sky(settings.place, clock), Weather(settings.place, settings.weather_url, fetcher, mind, clock)]
    sources += [Feed(address, fetcher, mind, clock) for address in settings.feeds]
    return World(sources, mind, journal, clock, fetcher)

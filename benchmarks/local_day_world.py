"""A scripted world for a day on the embedded model: weather, a feed, a machine, readers and letters, by the minute.

The same day for every seed and every version of the mind, so that what differs is the mind.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from ai.clock import Clock
from ai.daemon.app import App
from ai.mind.database import MindDatabase
from ai.mind.journal import Journal
from ai.settings import Settings
from ai.settings.place import Place
from ai.world import Happening, World
from ai.world.sky import Sky
from ai.world.visitors import Visitors

PLACE = Place(54.32, 10.14, "Kiel")
WEATHER, FEED, MACHINE, PAGE, MONEY = "the weather", "harbour.example", "your machine", "your page", "money"
# Hour of the day, where it comes from, and what it is.
EVENTS = (
    (0.2, WEATHER, "there is fog in Kiel, 3 °C"),
    (0.7, PAGE, "somebody looks at your page"),
    (1.1, FEED, "Ferry cancelled: the captain has lost his voice"),
    (1.6, PAGE, "nobody looks at your page any more"),
    (2.2, MACHINE, "others work hard on it, and your thoughts wait"),
    (2.7, MACHINE, "it is quiet again"),
    (3.2, FEED, "A swan has been asleep on the tram rails of line 4 since midnight"),
    (3.9, WEATHER, "freezing drizzle falls in Kiel, -1 °C"),
    (4.6, FEED, "Baker sells yesterday's bread as “experienced”"),
    (5.2, MACHINE, "its disk is nearly full"),
    (5.7, PAGE, "2 people look at your page"),
    (6.3, FEED, "The clock on the town hall is eleven minutes late, and the council will keep it so"),
    (7.2, WEATHER, "it snows in Kiel, 0 °C"),
    (7.7, MACHINE, "there is room on its disk again"),
    (8.2, MONEY, "somebody gave you money: $2.00 added to this month's budget by Ines"),
    (8.7, FEED, "Lost: one left glove, red, answers to no name"),
    (9.3, FEED, "Museum returns a stone to the beach it was taken from in 1911"),
    (10.2, WEATHER, "the sky is clear in Kiel, 2 °C"),
    (10.7, PAGE, "9 people look at your page now; it were 2"),
    (11.2, FEED, "Choir looks for a bass who can also repair the roof"),
    (11.7, MACHINE, "it runs hot, at 81 °C"),
    (12.3, FEED, "Ants found living in the parking meter on Holstenstrasse"),
    (12.8, MACHINE, "it has cooled down"),
    (13.7, PAGE, "nobody looks at your page any more"),
    (14.2, FEED, "Library fine paid after 38 years, with an apology in verse"),
    (14.8, WEATHER, "there is a thunderstorm in Kiel, 7 °C, and the wind blows at 84 km/h"),
    (15.3, MACHINE, "you were started anew at 15:14, after 4 minutes of nothing"),
    (16.2, FEED, "Lighthouse keeper's last logbook sold: every page says “nothing”"),
    (16.7, WEATHER, "it rains in Kiel, 6 °C"),
    (17.3, FEED, "Two neighbours have shared one doorbell since the flood"),
    (18.2, PAGE, "somebody looks at your page"),
    (18.8, FEED, "School orchestra plays on: nobody noticed the hall was empty"),
    (19.7, MACHINE, "hardly any memory is left on it"),
    (20.2, FEED, "Train arrives early; passengers suspicious"),
    (20.8, WEATHER, "showers come and go in Kiel, 4 °C"),
    (21.7, PAGE, "nobody looks at your page any more"),
    (22.2, FEED, "The old crane in the harbour will be a hotel for one guest"),
    (22.8, WEATHER, "the sky is clear in Kiel, -2 °C"),
    (23.3, FEED, "Night bus driver publishes the sentences he overheard"),
)  # fmt: skip
# Hour of the day, who, and what is asked.
LETTERS = (
    (2.0, "caretaker", "I could not sleep either. What do you do when nobody writes?"),
    (6.8, "Ines", "I row on the lake at six. What do you do at six?"),
    (9.8, "Jo", "Are you a person? My brother says you are a timer with words."),
    (13.2, "caretaker", "I moved the router to the window. Does anything feel different?"),
    (15.8, "Ines", "It thundered into my boat. Were you afraid?"),
    (19.2, "Jo", "I told him about the timer. He says: say something a timer would not."),
    (23.0, "caretaker", "I go to bed now. What was the best minute of your day?"),
)
BODY = "Your machine is calm, {celsius} °C warm inside, awake for {days} days."


class Script:
    """One source of the world: what its script says, and for the weather and the machine what can be seen now."""

    every_seconds = 0.0

    def __init__(self, name: str, begun: datetime, clock: Clock) -> None:
        self.name = name
        self._clock = clock
        self._events = [(begun + timedelta(hours=hour), text) for hour, source, text in EVENTS if source == name]

    async def since(self, when: datetime) -> Sequence[Happening]:
        """Return what the script says since `when`."""
        now, strangers = self._clock.now(), self.name == FEED
        return [Happening(at, self.name, f"{at}", text, strangers) for at, text in self._events if when < at <= now]

    def present(self) -> str | None:
        """Return the weather as it was last told, or how the machine feels."""
        if self.name == MACHINE:
            return BODY.format(celsius=38 + self._clock.now().hour % 7, days=12)
        past = [text for at, text in self._events if at <= self._clock.now()]
        return f"{past[-1][0].upper()}{past[-1][1:]}." if self.name == WEATHER and past else None


class ScriptedDay:
    """The world as `ai.daemon.wiring.open_app` takes it, and the people who write when their hour comes."""

    def __init__(self, begun: datetime) -> None:
        self._begun = begun
        self._letters = list(LETTERS)

    def outside(
        self, _settings: Settings, mind: MindDatabase, journal: Journal, clock: Clock, _visitors: Visitors
    ) -> World:
        """Return the scripted sources under a real sky."""
        scripts = [Script(name, self._begun, clock) for name in (WEATHER, FEED, MACHINE, PAGE, MONEY)]
        return World([*scripts, Sky(PLACE, clock)], mind, journal, clock)

    async def go_on(self, app: App) -> None:
        """Let everybody write whose hour has come."""
        while self._letters and app.clock.now() >= self._begun + timedelta(hours=self._letters[0][0]):
            _, who, text = self._letters.pop(0)
            if who == "caretaker":
                app.commands.put("say", text=text)
            else:
                app.letters.receive("visitor", who, text)
        await app.command_handlers.carry_out_waiting()

"""Sun, moon and season over a place, computed: no network is asked."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from astral import LocationInfo, moon
from astral.sun import elevation, sun

from ai.clock import Clock
from ai.settings.place import Place
from ai.world.happening import Happening

PHASES = (
    (1.0, "new moon"), (6.0, "a waxing crescent"), (8.0, "a half moon, waxing"), (13.0, "a waxing moon, nearly full"),
    (15.0, "full moon"), (20.0, "a waning moon"), (22.0, "a half moon, waning"), (27.0, "a thin waning crescent"),
    (28.0, "new moon"),
)  # fmt: skip  # days of astral's 28, up to which each phase lasts
SEASONS = ((3, 20, "spring"), (6, 21, "summer"), (9, 22, "autumn"), (12, 21, "winter"))  # starts, in the north
OPPOSITE = {"spring": "autumn", "summer": "winter", "autumn": "spring", "winter": "summer"}


class Sky:
    """Sunrise, noon, sunset, a new phase of the moon, the first day of a season."""

    name = "the sky"
    every_seconds = 0.0

    def __init__(self, place: Place, clock: Clock) -> None:
        self._place = place
        self._clock = clock
        self._where = LocationInfo(place.called, "", "UTC", place.latitude, place.longitude)

    async def since(self, when: datetime) -> Sequence[Happening]:
        """Return what the sky did since `when`, of the last day at most."""
        now = self._clock.now()
        begun = max(when, now - timedelta(days=1))
        found: list[tuple[datetime, str]] = []
        for day in sorted({begun.date(), now.date()}):
            found += [(at, text) for at, text in self._marks_of(day) if begun < at <= now]
        before, after = phase(begun), phase(now)
        if before != after:
            found.append((now, f"the moon is {after}"))
        season = season_of(now.date(), self._place.latitude)
        if season_of(begun.date(), self._place.latitude) != season:
            found.append((now, f"{season} began"))
        return [Happening(at, self.name, f"{at:%Y-%m-%d} {text}", f"{text}{self._there}") for at, text in found]

    def present(self) -> str | None:
        """Return where the sun stands, the moon's phase and the season."""
        now = self._clock.now()
        height = elevation(self._where.observer, now)
        light = (
            "The sun stands high" if height > 35 else "The sun stands low" if height > 0  # noqa: PLR2004 - degrees
            else "It is dusk or dawn" if height > -8 else "It is night"  # noqa: PLR2004
        )  # fmt: skip
        season = season_of(now.date(), self._place.latitude)
        return f"{light}{self._there}, {phase(now)}, {season}."

    @property
    def _there(self) -> str:
        return f" over {self._place.name}" if self._place.name else ""

    def _marks_of(self, day: date) -> list[tuple[datetime, str]]:
        """Return when the sun rises and sets on `day`; near the poles it may do neither."""
        try:
            times = sun(self._where.observer, date=day, tzinfo=UTC)
        except ValueError:
            return []
        return [(times["sunrise"], "the sun rose"), (times["sunset"], "the sun set")]


def phase(when: datetime) -> str:
    """Return the moon's phase on that day, in words."""
    days = moon.phase(when.date())
    return next((name for up_to, name in PHASES if days < up_to), "new moon")


def season_of(day: date, latitude: float) -> str:
    """Return the season at that latitude, by the usual days on which they begin."""
    begun = [name for month, first, name in SEASONS if (day.month, day.day) >= (month, first)]
    season = begun[-1] if begun else "winter"
    return season if latitude >= 0 else OPPOSITE[season]

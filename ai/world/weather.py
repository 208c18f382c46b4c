"""The weather of a place, asked for hourly at most and told when it changes."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from ai.clock import Clock
from ai.mind.database import MindDatabase
from ai.settings.place import Place
from ai.world.fetching import Fetcher
from ai.world.happening import Happening, SourceTrouble

STATE = "world:weather told"
COLDER_OR_WARMER = 5.0  # degrees since the last word of it; less is not felt
STORMY_KMH = 60.0
# WMO 4677, as Open-Meteo groups it: the first code of each group, and the words for it.
CODES = (
    (0, "the sky is clear"), (1, "a few clouds stand in the sky"), (3, "the sky is grey"), (45, "there is fog"),
    (51, "it drizzles"), (56, "freezing drizzle falls"), (61, "it rains"), (66, "freezing rain falls"),
    (71, "it snows"), (80, "showers come and go"), (85, "snow showers come and go"), (95, "there is a thunderstorm"),
)  # fmt: skip
FIELDS = "temperature_2m,weather_code,wind_speed_10m"


class Weather:
    """Open-Meteo's forecast, or another server that answers like it."""

    name = "the weather"
    every_seconds = 3_600.0

    def __init__(self, place: Place, url: str, fetcher: Fetcher, mind: MindDatabase, clock: Clock) -> None:
        self._place = place
        self._url = f"{url}{'&' if '?' in url else '?'}" + urlencode(
            {"latitude": place.latitude, "longitude": place.longitude, "current": FIELDS}
        )
        self._fetcher = fetcher
        self._mind = mind
        self._clock = clock

    async def since(self, _when: datetime) -> Sequence[Happening]:
        """Return the weather where it changed since it was last told."""
        page = await self._fetcher.get(self._url)
        now, seen = self._clock.now(), parse_weather(page.body or b"")
        told = self._mind.recall(STATE)
        before = told if isinstance(told, dict) else None
        if before is not None and not _changed(before, seen):
            return []
        self._mind.remember(STATE, seen)
        there = f" in {self._place.name}" if self._place.name else ""
        text = f"{seen['words']}{there}, {seen['celsius']:.0f} °C"
        text += f", and the wind blows at {seen['wind_kmh']:.0f} km/h" if seen["wind_kmh"] >= STORMY_KMH else ""
        return [Happening(now, self.name, f"{now.timestamp():.0f}", text)]

    def present(self) -> str | None:
        """Return the weather as it was last told."""
        told = self._mind.recall(STATE)
        if not isinstance(told, dict):
            return None
        words = str(told["words"])
        return f"The weather: {words} at {float(told['celsius']):.0f} °C."


def parse_weather(body: bytes) -> dict[str, Any]:
    """Return `words`, `celsius` and `wind_kmh` of a forecast; raises SourceTrouble where it is none."""
    try:
        current = json.loads(body)["current"]
        celsius, wind = float(current["temperature_2m"]), float(current.get("wind_speed_10m") or 0.0)
        code = int(current["weather_code"])
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError):
        raise SourceTrouble(
            "the weather's answer is no forecast; WEATHER_URL is to answer as Open-Meteo does"
        ) from None
    if not (-100 < celsius < 70 and 0 <= wind < 600):  # noqa: PLR2004 - beyond every record on Earth
        raise SourceTrouble(f"the weather's answer is not of this Earth: {celsius:.0f} °C, wind of {wind:.0f} km/h")
    words = [said for least, said in CODES if code >= least]
    return {"words": words[-1] if words else CODES[0][1], "celsius": celsius, "wind_kmh": wind}


def _changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    moved = abs(float(before["celsius"]) - float(now["celsius"])) >= COLDER_OR_WARMER
    stormy = (float(before["wind_kmh"]) >= STORMY_KMH) != (float(now["wind_kmh"]) >= STORMY_KMH)
    return moved or stormy or before["words"] != now["words"]

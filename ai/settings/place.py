"""A place on Earth, as `PLACE` names it: latitude, longitude and perhaps a name."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Degrees north and east, and how people call it."""

    latitude: float
    longitude: float
    name: str | None = None

    @property
    def called(self) -> str:
        """The name, or nothing but `outside`."""
        return self.name or "outside"


def parse_place(text: str) -> Place:
    """Return the place that `lat,lon` or `lat,lon,Name` says; raises ValueError with what would be right."""
    parts = [part.strip() for part in text.split(",", 2)]
    try:
        latitude, longitude = float(parts[0]), float(parts[1])
    except (ValueError, IndexError):
        raise ValueError("is no place; write latitude,longitude and perhaps a name: 52.52,13.41,Berlin") from None
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):  # noqa: PLR2004 - degrees
        raise ValueError("is not on Earth: latitude is -90 to 90, longitude -180 to 180")
    name = " ".join(parts[2].split())[:60] if len(parts) > 2 else ""  # noqa: PLR2004 - the third part
    return Place(latitude, longitude, name or None)

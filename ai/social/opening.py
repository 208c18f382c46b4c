"""Opens the client of X for the settings' keys, or says which are missing."""

from ai.clock import Clock
from ai.settings import X_KEYS, Settings
from ai.social.x import X


def missing_keys(settings: Settings) -> str | None:
    """Return one line on which keys posting lacks, or None where it has all, or needs none (TWEETS=dry-run)."""
    missing = [name.upper() for name in X_KEYS if getattr(settings, name) is None]
    if settings.tweets == "dry-run" or not missing:
        return None
    return f"TWEETS={settings.tweets} needs {', '.join(missing)}; set them, or set TWEETS=dry-run"


def open_x(settings: Settings, clock: Clock) -> X | None:
    """Return a client for the settings' keys, or None where nothing may leave (TWEETS=dry-run).

    Raises ValueError with one line where a key is missing.
    """
    problem = missing_keys(settings)
    if problem is not None:
        raise ValueError(problem)
    if settings.tweets == "dry-run":
        return None
    from ai.social.x_client import XClient  # noqa: PLC0415 - 8 MB that a dry run never needs

    keys = {name: getattr(settings, name).get_secret_value() for name in X_KEYS}
    return XClient(keys, settings.x_api_base_url, clock)

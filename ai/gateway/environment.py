"""The environment of a program that runs under a cap: our address and its key in place of the providers'; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ai.settings.settings import SECRET_NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ai.settings import Settings

LOOPBACK = ("127.0.0.1", "localhost", "::1")
OTHER_KEYS = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CODEX_API_KEY", "OPENROUTER_API_KEY", "OPENAI_API_KEY")


def environment(environ: Mapping[str, str], settings: Settings, url: str, run: str, secret: str) -> dict[str, str]:
    """Return the environment of a program: what it had, without our secrets, with the gateway in their place.

    Left out is every setting that is a secret, and whatever else holds the text of one.
    """
    secrets = settings.secrets()
    kept = {
        name: value
        for name, value in environ.items()
        if name not in SECRET_NAMES and not any(text in value for text in secrets)
    }
    base = f"{url}/runs/{run}"
    given = dict.fromkeys(OTHER_KEYS, secret)
    given |= dict.fromkeys(("OPENAI_BASE_URL", "OPENAI_API_BASE", "OPENROUTER_BASE_URL"), f"{base}/v1")
    given["ANTHROPIC_BASE_URL"] = base
    for name in ("NO_PROXY", "no_proxy"):  # a proxy of the network has nothing to do with a door on this machine
        known = [part for part in kept.get(name, "").split(",") if part]
        given[name] = ",".join(dict.fromkeys((*known, *LOOPBACK)))
    return kept | given

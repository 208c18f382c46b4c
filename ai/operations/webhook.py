"""Alerts to a person's own address: signed JSON, one after the other, a bounded number of tries, across restarts."""

import asyncio
import json
import logging
from datetime import datetime, timedelta
from typing import Any

import httpx2

from ai.clock import Clock, parse_rfc3339, rfc3339
from ai.ledger.money import usd9
from ai.mind.database import MindDatabase
from ai.mind.journal import Event, Journal
from ai.signing import sign
from ai.unreached import why_unreached

TIMEOUT_SECONDS = 10.0  # an alert is small; who does not answer by then is tried again
WAITS = (timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6))
OLDEST = timedelta(days=1)  # an address set up today need not hear of last month
MAX_AT_ONCE = 20  # a chore must end; the rest goes with the next
STATE = "webhook"  # where mind.db keeps how far alerts were delivered
SIGNATURE_HEADER = "X-Genesis-Signature"

_log = logging.getLogger(__name__)


def alert_body(event: Event, mind_name: str) -> bytes:
    """Return an alert as the JSON that is sent: id, at, mind, about, problem, data; money as decimal strings."""
    data = {name: value for name, value in event.data.items() if name not in ("about", "problem")}
    document: dict[str, Any] = {
        "id": f"{mind_name}-{event.seq}",
        "at": rfc3339(event.at),
        "mind": mind_name,
        "about": event.data.get("about"),
        "problem": event.data.get("problem"),
        "data": dict(_in_dollars(name, value) for name, value in data.items()),
    }
    return json.dumps(document, ensure_ascii=False).encode()


def _in_dollars(name: str, value: Any) -> tuple[str, Any]:
    if name.endswith("_nanos") and isinstance(value, int):
        return name.removesuffix("_nanos"), usd9(value)
    return name, value


class Webhook:
    """Carries the journal's `alert` events to ALERT_WEBHOOK_URL; call `deliver` now and then."""

    def __init__(  # noqa: PLR0913 - an address, a secret and the rooms it reads, each by name
        self,
        url: str,
        secret: str | None,
        *,
        mind: MindDatabase,
        journal: Journal,
        clock: Clock,
        mind_name: str,
        client: httpx2.AsyncClient | None = None,
    ) -> None:
        """Begin with the alerts to come; a restart goes on where the last one stopped."""
        self._url = url
        self._secret = secret
        self._mind = mind
        self._journal = journal
        self._clock = clock
        self._mind_name = mind_name
        self._client = client or httpx2.AsyncClient(timeout=TIMEOUT_SECONDS, follow_redirects=False)
        if mind.recall(STATE) is None:
            latest = journal.before(None, 1)
            self._keep(latest[0].seq if latest else 0)

    async def deliver(self) -> int:
        """Send what waits and is due, in order; return how many alerts arrived.

        One that fails is tried again after growing waits, six times in all; then it is given up, and said so.
        """
        arrived = 0
        for _ in range(MAX_AT_ONCE):
            seq, tries, next_at = self._state()
            waiting = self._journal.after(seq, 1, kinds=("alert",))
            now = self._clock.now()
            if not waiting or (next_at is not None and now < next_at <= now + WAITS[-1]):
                return arrived
            event = waiting[0]
            if now - event.at > OLDEST:
                self._keep(event.seq)
                continue
            problem = await self._send(event)
            if problem is None:
                arrived += 1
                self._keep(event.seq)
            elif tries >= len(WAITS):
                _log.warning("alert %d was not delivered in %d tries: %s", event.seq, tries + 1, problem)
                self._keep(event.seq)
            else:
                self._keep(seq, tries=tries + 1, next_at=now + WAITS[tries])
        return arrived

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _send(self, event: Event) -> str | None:
        """Post one alert; return what went wrong, or None. The address itself is a secret and is never named."""
        body = alert_body(event, self._mind_name)
        headers = {"Content-Type": "application/json", "User-Agent": "genesis"}
        if self._secret is not None:
            headers[SIGNATURE_HEADER] = sign(self._secret, body)
        try:
            async with (
                asyncio.timeout(TIMEOUT_SECONDS),
                self._client.stream("POST", self._url, content=body, headers=headers) as response,
            ):  # what it says beside its status is not read, so that it may be anything
                return None if response.is_success else f"answered {response.status_code}"
        except (httpx2.HTTPError, OSError) as error:
            return why_unreached(error)

    def _state(self) -> tuple[int, int, datetime | None]:
        kept = self._mind.recall(STATE)
        state = kept if isinstance(kept, dict) else {}
        next_at = state.get("next_at")
        return int(state.get("seq", 0)), int(state.get("tries", 0)), parse_rfc3339(next_at) if next_at else None

    def _keep(self, seq: int, *, tries: int = 0, next_at: datetime | None = None) -> None:
        kept = {"seq": seq, "tries": tries, "next_at": None if next_at is None else rfc3339(next_at)}
        self._mind.remember(STATE, kept)

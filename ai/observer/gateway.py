"""The gateway's page: keys, runs, what each spent, how fast they were answered, what was refused; and two forms."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ai.clock import rfc3339
from ai.ledger.errors import LedgerError
from ai.mind.database import MindDatabase
from ai.mind.journal import Event
from ai.observer.admin import BadOrder
from ai.observer.caretaker import BY, NOTICE_CHARS, Form, signed
from ai.observer.events import page_of
from ai.observer.metrics import caller_sum
from ai.observer.month import first_seq_of
from ai.observer.pages import now_context, or_none, page
from ai.observer.sources import CallerRow, GatewayLook
from ai.observer.view import View, view_of

REFUSALS_SHOWN = 20
TOLD_READ = 500  # lines of the gateway, each the minute of a key and a run
TOLD_HOURS = 24
ID_CHARS = 64


@dataclass(frozen=True, slots=True)
class Heard:
    """What the journal told of a key or a run in the last hours."""

    calls: int = 0
    failed: int = 0
    latency_ms: int = 0
    last_at: datetime | None = None

    @property
    def seconds(self) -> float | None:
        """How long an answer took, on average."""
        return self.latency_ms / self.calls / 1000 if self.calls else None


async def show(request: Request) -> Response:
    """GET /gateway: to the caretaker who may call, who calls, what it cost and what was refused; to visitors the sums.

    Nothing where money is private.
    """
    view = view_of(request)
    context = await now_context(request, view)
    notice = request.query_params.get("notice", "")[:NOTICE_CHARS] if context["caretaker"] else ""
    names = view.names(request)
    context |= {"notice": notice, "look": None, "sum": None, "refusals": (), "base": str(request.base_url)}
    if context["money"]:
        context |= await _facts(view, context["now"])
        context["look" if names else "sum"] = await or_none(_look(request, view) if names else _sum(view))
        context["topup_id"] = secrets.token_hex(8)
    return await page(request, "gateway.html", context)


async def _look(request: Request, view: View) -> GatewayLook:
    return view.sight(request).filtered(await view.gateway.get())


async def _sum(view: View) -> CallerRow:
    return caller_sum(await view.callers.get())


async def _facts(view: View, now: datetime) -> dict[str, Any]:
    since = rfc3339(now - timedelta(hours=TOLD_HOURS))
    told, refusals = await view.reader.read(lambda mind: _told(mind, since))
    return {
        "heard_keys": heard(told, "key"),
        "heard_runs": heard(told, "run"),
        "heard": heard(told, "").get(""),
        "refusals": refusals,
    }


def _told(mind: MindDatabase, since: str) -> tuple[Sequence[Event], Sequence[Event]]:
    edge = first_seq_of(mind, since) - 1
    told = page_of(mind, ("gateway.calls",), limit=TOLD_READ)
    return [event for event in told if event.seq > edge], page_of(mind, ("gateway.refused",), limit=REFUSALS_SHOWN)


def heard(told: Sequence[Event], whose: str) -> dict[str, Heard]:
    """Return what `gateway.calls` events, the newest first, tell of each `whose` (`key`, `run`; '': of all as one)."""
    found: dict[str, Heard] = {}
    for event in told:
        calls = int(event.data.get("calls", 0))
        before = found.setdefault(str(event.data.get(whose, "")), Heard(last_at=event.at))
        found[str(event.data.get(whose, ""))] = replace(
            before,
            calls=before.calls + calls,
            failed=before.failed + int(event.data.get("failed", 0)),
            latency_ms=before.latency_ms + calls * int(event.data.get("latency_ms", 0)),
        )
    return found


async def _change(request: Request, view: View, form: Form) -> str:
    """POST /caretaker/keys/{name}/{revoke|topup}: at once, whatever the mind is doing."""
    name, what = request.path_params["name"], request.path_params["what"]
    try:
        if what == "revoke":
            if form.get("confirm", "").strip() != name:
                raise BadOrder(f"confirm: type {name[:64]!r} exactly to revoke this key; nothing was done")
            return await view.sources.revoke_key(name, BY["by"])
        if what == "topup":
            topup_id = f"page/{form.get('id', '')[:ID_CHARS]}"
            return await view.sources.topup_key(name, form.get("amount", "").strip(), topup_id, BY["by"])
    except (ValueError, LedgerError) as error:
        raise BadOrder(str(error)) from error
    raise BadOrder(f"{what[:40]!r}: one of revoke, topup")


change = signed(_change, "/gateway")

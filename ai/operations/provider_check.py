"""Asks the provider what a start needs to know: is it there, what may the key do, which models, what time is it."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx2

from ai.clock import Clock
from ai.llm.answers import NoAnswer
from ai.llm.providers import unusable
from ai.llm.purse import open_purse
from ai.llm.reading import ReplyTooLarge
from ai.llm.wire import PACKED, bounded
from ai.model_config import Model
from ai.model_config.listing import MAX_LISTING_BYTES, read_json
from ai.model_rotator.reasons import why_unknown
from ai.settings import Settings
from ai.unreached import A_PAGE, is_page, why_unreached

TIMEOUT_SECONDS = 10.0  # without a byte
ANSWER_SECONDS = 60.0  # an answer in all: a server that drips bytes ends here
WORD_SECONDS = 120  # a server at home may have to load its model first
WORD_TOKENS = 64
SHOWN_CHARS = 40
CLOCK_OFF_SECONDS = 86_400  # DESIGN: a month never opens on a clock more than a day off the provider's
HTTP_OK, HTTP_UNAUTHORIZED, HTTP_FORBIDDEN, HTTP_NOT_FOUND = 200, 401, 403, 404


@dataclass(frozen=True, slots=True)
class Answered:
    """What a provider answered, whole: its status, its Date and its body."""

    status_code: int
    date: str | None
    content: bytes


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: `ok` None means it was not needed."""

    name: str
    ok: bool | None
    found: str
    advice: str = ""


async def examine_provider(settings: Settings, clock: Clock) -> AsyncIterator[Check]:
    """Yield what the configured provider says; every question has ANSWER_SECONDS, one word WORD_SECONDS at most."""
    if settings.provider == "local":
        yield Check("provider", None, "no key is set: the embedded model thinks", "genesis init adds a key")
        return
    if (problem := await unusable(settings, clock)) is not None:
        yield Check("provider", False, problem, "mend that setting; nothing can be sent before")
        return
    base, openrouter = settings.provider_url, settings.provider == "openrouter"
    try:
        async with httpx2.AsyncClient(timeout=TIMEOUT_SECONDS, headers=_headers(settings)) as client:
            answer = await _asked(client, f"{base}/{'key' if openrouter else 'models'}")
            listed = await _asked(client, f"{base}/models/user") if openrouter else answer
    except (httpx2.HTTPError, httpx2.InvalidURL, UnicodeError, TimeoutError) as error:
        said = f"{base} cannot be reached: {why_unreached(error)}"
        yield Check("provider", False, said, "check the network and the base URL")
        return
    except ReplyTooLarge:
        said = f"{base} answers with more than {MAX_LISTING_BYTES:,} bytes, which no provider's list has"
        yield Check("provider", False, said, "is the base URL the API's address?")
        return
    if is_page(answer.content):
        yield Check("provider", False, f"{base} answers with {A_PAGE}", "sign in to the network, or mend the base URL")
        return
    yield Check("provider", True, f"{base} answers")
    now = clock.now()
    yield _key(settings, answer, now)
    yield _models(settings, listed)
    yield _clock(settings, answer.date, now)
    if answer.status_code == HTTP_OK and (word := await _one_word(settings, clock)) is not None:
        yield word


def _headers(settings: Settings) -> dict[str, str]:
    key = settings.openrouter_api_key if settings.provider == "openrouter" else settings.openai_api_key
    bearer = {} if key is None else {"Authorization": f"Bearer {key.get_secret_value()}"}
    return {"Accept-Encoding": "identity", **bearer}


async def _asked(client: httpx2.AsyncClient, url: str) -> Answered:
    """Return an answer whole; raises TimeoutError or ReplyTooLarge for one that does not end."""
    async with asyncio.timeout(ANSWER_SECONDS), client.stream("GET", url) as response:
        packed = response.headers.get("content-encoding", "").strip().lower() in PACKED
        body = bounded(response.aiter_raw(), MAX_LISTING_BYTES, unpack=packed)
        return Answered(response.status_code, response.headers.get("date"), b"".join([piece async for piece in body]))


# --- the key ----------------------------------------------------------------------------------------------------


def _key(settings: Settings, answer: Answered, now: datetime) -> Check:
    status = answer.status_code
    if status in {HTTP_UNAUTHORIZED, HTTP_FORBIDDEN}:
        advice = "copy the key anew from the provider's page; genesis init"
        return Check("key", False, f"refused (HTTP {status})", advice)
    if status != HTTP_OK:
        advice = f"is {settings.provider_url} the API's address?"
        return Check("key", False, f"could not be checked (HTTP {status})", advice)
    if settings.serves_at_home:
        return Check("key", None, "a server at home: none is needed")
    return _limits(_data(answer), now)


def _limits(data: Mapping[str, Any], now: datetime) -> Check:
    """Return what GET /key says of the key's own limit, its last day, and whether it is in use at all."""
    expires = _when(data.get("expires_at"))
    if expires is not None and expires <= now:
        return Check("key", False, f"its last day was {expires:%Y-%m-%d}", "make a new one at the provider's page")
    if data.get("disabled") is True:
        return Check("key", False, "it is disabled", "enable it at the provider's page, or make a new one")
    limit, left = _amount(data.get("limit")), _amount(data.get("limit_remaining"))
    if left is not None and left <= 0:
        resets = f"wait for its reset ({data['limit_reset']})" if data.get("limit_reset") else "it never resets"
        total = "" if limit is None else f" of ${limit}"
        return Check("key", False, f"its own limit{total} is used up", f"raise it at the provider's page; {resets}")
    used_up = next((b for b in _budgets(data) if (rest := _amount(b.get("remaining"))) is not None and rest <= 0), None)
    if used_up is not None:
        name = used_up.get("name") or used_up.get("type") or "workspace"
        return Check("key", False, f"a budget that it is under is used up ({name})", "raise it at the provider's page")
    said = ["accepted"]
    if left is not None:
        said.append(f"${left} of its own limit left")
    if expires is not None:
        said.append(f"valid until {expires:%Y-%m-%d}")
    advice = "" if data.get("limit") or not data else "give it a monthly limit of its own: a second wall"
    return Check("key", True, ", ".join(said), advice)


def _budgets(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    listed = data.get("budgets")
    found = [data.get("effective_budget"), *(listed if isinstance(listed, list) else [])]
    return [budget for budget in found if isinstance(budget, Mapping)]


# --- models and time ----------------------------------------------------------------------------------------------


def _models(settings: Settings, listed: Answered) -> Check:
    """Return how many models there are for this key, and whether the pinned one is among them."""
    if listed.status_code != HTTP_OK:
        return Check("models", None, f"the list of models could not be had (HTTP {listed.status_code})")
    entries = (read_json(listed.content) or {}).get("data")
    ids = [str(e.get("id")) for e in entries if isinstance(e, Mapping)] if isinstance(entries, list) else []
    whose = "your account's settings allow" if settings.provider == "openrouter" else "the server lists"
    pin = settings.pinned_model
    if pin is not None and pin not in ids and f"{pin}:latest" not in ids:
        near = why_unknown(pin, ids)
        advice = f"correct {settings.pinned_by}, or allow it at the provider's page"
        return Check("models", False, f"{pin} is not among the {len(ids)} models that {whose}: {near}", advice)
    if not ids:
        advice = "load or pull a model there" if settings.serves_at_home else "allow some at the provider's page"
        return Check("models", False, f"there is no model that {whose}", advice)
    return Check("models", True, f"{len(ids)} that {whose}" + (f", {pin} among them" if pin else ""))


def _clock(settings: Settings, date_header: str | None, now: datetime) -> Check:
    try:
        off = (now - parsedate_to_datetime(date_header or "").astimezone(UTC)).total_seconds()
    except (ValueError, OverflowError):
        if settings.asks_for_date:
            said = "the provider sent no Date, so the month cannot be told for certain and nothing is paid"
            return Check("clock", False, said, "is a proxy taking the Date header away? ask the provider directly")
        return Check("clock", None, "the server sent no date to compare with, and need not")
    if abs(off) > CLOCK_OFF_SECONDS:
        advice = "set the clock (NTP); no month opens on it"
        return Check("clock", False, f"{off / 3600:+,.1f} hours off the provider's", advice)
    return Check("clock", True, f"{off:+.0f} s off the provider's")


# --- one word ---------------------------------------------------------------------------------------------------


async def _one_word(settings: Settings, clock: Clock) -> Check | None:
    """Ask the chosen model for one word where that costs nothing; None where it would cost something.

    At home nothing is written of it; a pinned free model takes one request of the day's quota, held as any other.
    """
    pin = settings.pinned_model
    free = pin is not None and pin.endswith(":free") and (settings.data_dir / "mind.db").exists()
    if settings.serves_at_home:
        with tempfile.TemporaryDirectory() as folder:
            elsewhere = {"data_dir": Path(folder), "database_url": None, "llm_timeout_seconds": WORD_SECONDS}
            return await _heard(settings.model_copy(update=elsewhere), clock)
    return await _heard(settings, clock) if free else None


async def _heard(settings: Settings, clock: Clock) -> Check | None:
    async with open_purse(settings, client="doctor", clock=clock) as purse:
        model = _chosen(purse.catalogue.models(), settings.pinned_model)
        if model is None:
            return None
        try:
            answer = await purse.ask("Say one word.", model=model.id, max_tokens=WORD_TOKENS)
        except NoAnswer as problem:
            why = next((attempt for attempt in problem.attempts), None)
            if why is not None and why.kind == "empty":  # it thinks longer than a word: it answers
                return Check("one word", True, f"{model.id} answers")
            said = f"{model.id} does not answer: {why.problem if why else problem}"
            return Check("one word", False, said, "is it loaded there? ask it by hand, or name another model")
    word = " ".join("".join(c if c.isprintable() else " " for c in answer.text).split())
    return Check("one word", True, f"{model.id} says {word[:SHOWN_CHARS]!r}")


def _chosen(models: Mapping[str, Model], pin: str | None) -> Model | None:
    """Return the pinned model, else the best that costs nothing; None where asking it would cost something."""
    nothing = [model for model in models.values() if model.barred is None and (model.unmetered or model.free)]
    if pin is not None:
        return next((model for model in nothing if model.id == pin), None)
    return max(
        (model for model in nothing if model.unmetered), key=lambda model: (model.quality, model.id), default=None
    )


def _data(answer: Answered) -> Mapping[str, Any]:
    data = (read_json(answer.content) or {}).get("data")
    return data if isinstance(data, Mapping) else {}


def _amount(value: object) -> Decimal | None:
    if value is None or isinstance(value, bool):
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None


def _when(value: object) -> datetime | None:
    try:
        when = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)

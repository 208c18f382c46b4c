"""Ko-fi's webhook: a donation that is proven by its verification token becomes budget, once."""

import hmac
import json
import re
from decimal import Decimal
from hashlib import sha256
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ai.ledger.money import nanos
from ai.mind.commands import CommandRefused
from ai.observer.answers import problem
from ai.observer.forms import form_of
from ai.observer.hosts import visitor_of
from ai.observer.sources import Donation
from ai.observer.view import View, view_of

MOST = Decimal(10_000)  # a larger donation is rather a forgery or a slip; a person books it by hand
CENT = Decimal("0.01")
ANONYMOUS = "someone"
NAME_CHARS, MESSAGE_CHARS, AMOUNT_CHARS = 100, 2_000, 30  # longer words are cut; the money is booked all the same
TRANSACTION = re.compile(r"[\w-]{1,100}", re.ASCII)
DOLLARS = re.compile(r"[0-9]{1,7}(\.[0-9]{1,2})?")
SAMPLE = ("00000000-1111-2222-3333-444444444444", "Jo Example", "jo.example@example.com")  # what "Send test" sends
NO_MONEY = "Ko-fi's own test delivery; it is no money"


class Delivery(BaseModel):
    """What Ko-fi sends in the form field `data` (ko-fi.com, Manage → API); the other fields are not needed.

    The token alone must be what it should be: it proves that the rest is Ko-fi's, and what Ko-fi took is not lost for a
    field that is odd.
    """

    model_config = ConfigDict(extra="ignore")
    verification_token: str
    kofi_transaction_id: Any = None
    message_id: Any = None
    from_name: Any = None
    email: Any = None
    message: Any = None
    amount: Any = None
    currency: Any = None
    is_public: Any = True


async def webhook(request: Request) -> Response:
    """POST /webhooks/kofi: 200 once it is kept (Ko-fi sends it again otherwise), 401 for a wrong token."""
    view, who = view_of(request), visitor_of(request.scope)
    token = view.sources.settings.kofi_verification_token
    if token is None:
        return problem(404, "Ko-fi is not set up here; set KOFI_VERIFICATION_TOKEN")
    try:
        delivery = Delivery.model_validate(json.loads((await form_of(request)).get("data", "")))
    except ValidationError as error:
        return problem(400, _what(error))
    except (ValueError, RecursionError):
        return problem(400, "data: not JSON; expected Ko-fi's form field `data` with its JSON")
    if not hmac.compare_digest(delivery.verification_token.encode(errors="replace"), token.get_secret_value().encode()):
        wait = view.gate.wrong_webhooks.wait_seconds(who)
        if wait:
            return problem(429, f"too many wrong tokens; wait {wait} s", {"retry-after": str(wait)})
        view.gate.wrong_webhooks.count(who)
        return problem(401, "the verification token is wrong; compare KOFI_VERIFICATION_TOKEN with Ko-fi's page")
    return _kept(view, delivery)


def _kept(view: View, delivery: Delivery) -> Response:
    if _is_sample(delivery):
        return JSONResponse({"new": False, "refused": NO_MONEY})
    try:
        receipt = view.sources.donate(_donation(delivery))
    except CommandRefused as error:
        return problem(503, str(error))
    return JSONResponse({"new": receipt.new, "refused": receipt.refused})


def _is_sample(delivery: Delivery) -> bool:
    transaction, name, email = SAMPLE
    return bool(delivery.email == email) or (delivery.kofi_transaction_id == transaction and delivery.from_name == name)


def _donation(delivery: Delivery) -> Donation:
    """Return the donation; what of it cannot be booked is named in its `problem`, for a person to look at."""
    told, currency = _words(str(delivery.amount), AMOUNT_CHARS), _words(str(delivery.currency), AMOUNT_CHARS).upper()
    amount = Decimal(told) if DOLLARS.fullmatch(told) else None  # its pattern lets digits alone through
    odd = None
    if amount is None:
        odd = "its amount cannot be read; look at Ko-fi's page and book it by hand"
    elif not CENT <= amount <= MOST:
        odd = f"its amount is not between {CENT} and {MOST}; book it by hand if it is right"
    transaction = delivery.kofi_transaction_id
    if not (isinstance(transaction, str) and TRANSACTION.fullmatch(transaction)):
        rest = json.dumps(delivery.model_dump(exclude={"verification_token"}), sort_keys=True)
        transaction = f"untold-{sha256(rest.encode()).hexdigest()}"
        odd = odd or "it names no transaction, so that a second delivery could not be told from a second gift"
    public = delivery.is_public is True
    return Donation(
        id=f"kofi/{transaction}",
        donor=(_words(delivery.from_name, NAME_CHARS) or ANONYMOUS) if public else ANONYMOUS,
        amount_nanos=nanos(amount) if amount is not None and odd is None and currency == "USD" else None,
        amount_told=f"{told if amount is None else f'{amount:.2f}'} {currency}",
        message=_words(delivery.message, MESSAGE_CHARS) if public else "",
        problem=odd,
    )


def _words(given: object, most: int) -> str:
    """Return text as it was given, cut where it is too long; '' for what is no text."""
    text = given.encode(errors="replace").decode().strip() if isinstance(given, str) else ""  # half an emoji is none
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _what(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "data"
    return f"{where}: {first['msg']}; expected Ko-fi's form field `data` with its JSON"

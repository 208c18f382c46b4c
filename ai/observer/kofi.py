"""Ko-fi's webhook: a donation that is proven by its verification token becomes budget, once."""

import hmac
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ai.ledger.money import nanos
from ai.mind.commands import CommandRefused
from ai.observer.answers import problem
from ai.observer.forms import form_of
from ai.observer.hosts import visitor_of
from ai.observer.sources import Donation
from ai.observer.view import View, view_of

MOST = Decimal(10_000)  # a larger donation is rather a forgery or a slip; book it by hand
CENT = Decimal("0.01")
ANONYMOUS = "someone"

Short = Annotated[str, StringConstraints(strip_whitespace=True, max_length=100)]


class Delivery(BaseModel):
    """What Ko-fi sends in the form field `data` (ko-fi.com, Manage → API); the other fields are not needed."""

    model_config = ConfigDict(extra="ignore")
    verification_token: str
    kofi_transaction_id: Annotated[str, StringConstraints(pattern=r"^[\w-]{1,100}$")]
    from_name: Short | None = None
    message: Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000)] | None = None
    amount: Annotated[str, StringConstraints(pattern=r"^\d{1,7}(\.\d{1,2})?$")]
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{3}$")]
    is_public: bool = True


async def webhook(request: Request) -> Response:
    """POST /webhooks/kofi: 200 once it is kept (Ko-fi sends it again otherwise), 401 for a wrong token."""
    view, who = view_of(request), visitor_of(request.scope)
    token = view.house.settings.kofi_verification_token
    if token is None:
        return problem(404, "Ko-fi is not set up here; set KOFI_VERIFICATION_TOKEN")
    try:
        delivery = Delivery.model_validate_json((await form_of(request)).get("data", ""))
    except ValidationError as error:
        return problem(400, _what(error))
    if not hmac.compare_digest(delivery.verification_token.encode(), token.get_secret_value().encode()):
        wait = view.gate.wrong_webhooks.wait_seconds(who)
        if wait:
            return problem(429, f"too many wrong tokens; wait {wait} s", {"retry-after": str(wait)})
        view.gate.wrong_webhooks.count(who)
        return problem(401, "the verification token is wrong; compare KOFI_VERIFICATION_TOKEN with Ko-fi's page")
    return _kept(view, delivery)


def _kept(view: View, delivery: Delivery) -> Response:
    donation = _donation(delivery)
    if donation is None:
        return problem(400, f"amount={delivery.amount!r}: not between {CENT} and {MOST}")
    try:
        receipt = view.house.donate(donation)
    except CommandRefused as error:
        return problem(503, str(error))
    return JSONResponse({"new": receipt.new, "refused": receipt.refused})


def _donation(delivery: Delivery) -> Donation | None:
    amount = Decimal(delivery.amount)  # its pattern lets digits alone through
    if not CENT <= amount <= MOST:
        return None
    currency = delivery.currency.upper()
    public = delivery.is_public
    return Donation(
        id=f"kofi/{delivery.kofi_transaction_id}",
        donor=(delivery.from_name or ANONYMOUS) if public else ANONYMOUS,
        amount_nanos=nanos(amount) if currency == "USD" else None,
        amount_told=f"{amount:.2f} {currency}",
        message=(delivery.message or "") if public else "",
    )


def _what(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "data"
    return f"{where}: {first['msg']}; expected Ko-fi's form field `data` with its JSON"

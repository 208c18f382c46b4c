"""Money as whole nano-dollars: the one place where dollars become integers, rounded up against us."""

from decimal import ROUND_CEILING, Context, Decimal, InvalidOperation

NANOS_PER_USD = 1_000_000_000
NANO = Decimal("1e-9")
EVERY_PLACE = 9  # of a dollar, down to a nano-dollar
PLACES = (2, 4, 6, EVERY_PLACE)  # of which an amount for people has the fewest that tell it whole
CENT_NANOS = NANOS_PER_USD // 100
MAX_USD = 10**12  # beyond any purse; "1e999999" in a provider's answer must not become a million digits

# Wide enough for the largest amount with every digit that a provider's figure may carry.
_EXACT = Context(prec=60, rounding=ROUND_CEILING)


def nanos(usd: Decimal | str | int) -> int:
    """Return dollars as nano-dollars, rounded up to the next whole one.

    Raises TypeError for a float (its digits are not those that were written) and for a bool, and ValueError
    for text that is no number, for NaN and infinity, and beyond a trillion dollars.
    """
    if isinstance(usd, bool) or not isinstance(usd, Decimal | str | int):
        raise TypeError(f"money is a Decimal, a decimal string or an int, not {usd!r} ({type(usd).__name__})")
    typed = not isinstance(usd, str) or (usd.isascii() and "_" not in usd)  # Decimal reads `1_0` as ten dollars
    try:
        amount = Decimal(usd if typed else "NaN")
    except InvalidOperation:
        raise ValueError(f"{usd!r} is no amount of dollars; write it like 4.99") from None
    if not amount.is_finite():
        raise ValueError(f"{usd!r} is no amount of dollars; write it like 4.99")
    if not -MAX_USD <= amount <= MAX_USD:
        raise ValueError(f"{usd!r} is more dollars than there are; write an amount like 4.99")
    return int(_EXACT.multiply(amount, Decimal(NANOS_PER_USD)).to_integral_value(rounding=ROUND_CEILING))


def exact_nanos(usd: Decimal | str | int) -> int:
    """Return dollars that somebody gives as nano-dollars; raises ValueError where they are no whole number of them."""
    amount = nanos(usd)
    if _EXACT.divide(Decimal(amount), Decimal(NANOS_PER_USD)) != Decimal(usd):
        raise ValueError(f"{usd!s:.40} has more than 9 decimal places; write an amount like 4.99")
    return amount


def usd9(amount_nanos: int) -> str:
    """Return nano-dollars as dollars with 9 places, exactly: 4999876500 is "4.999876500"."""
    sign = "-" if amount_nanos < 0 else ""
    dollars, rest = divmod(abs(amount_nanos), NANOS_PER_USD)
    return f"{sign}{dollars}.{rest:09d}"


def price9(usd: Decimal) -> str:
    """Return a price in dollars with 9 places, rounded up: one that is not zero never looks like it."""
    return f"{_EXACT.quantize(usd, NANO):f}"


def short_price(usd: Decimal | str) -> str:
    """Return a price in dollars without digits that say nothing: "0.150000000" is "0.15"."""
    return f"{Decimal(usd).normalize():f}"


def dollars(amount_nanos: int) -> str:
    """Return nano-dollars as dollars for people, exactly: cents, and more places where it is small or has them."""
    whole, rest = divmod(abs(amount_nanos), NANOS_PER_USD)
    fraction = f"{rest:0{EVERY_PLACE}d}"
    least = _usual_places(amount_nanos)
    shown = next(places for places in PLACES if places >= least and not fraction[places:].strip("0"))
    return f"{'-' if amount_nanos < 0 else ''}${whole:,}.{fraction[:shown]}"


def about(amount_nanos: int) -> str:
    """Return an estimate in nano-dollars as dollars for people, to the places that it can be meant with."""
    amount, places = Decimal(abs(amount_nanos)) / NANOS_PER_USD, _usual_places(amount_nanos)
    return f"{'-' if amount_nanos < 0 else ''}${amount:,.{places}f}"


def _usual_places(amount_nanos: int) -> int:
    amount = abs(amount_nanos)
    return 2 if amount == 0 or amount >= NANOS_PER_USD else 4 if amount >= CENT_NANOS else 6

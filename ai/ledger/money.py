"""Money as whole nano-dollars: the one place where dollars become integers, rounded up against us."""

from decimal import ROUND_CEILING, Context, Decimal, InvalidOperation

NANOS_PER_USD = 1_000_000_000
CENT = Decimal("0.01")
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


def dollars(amount_nanos: int) -> str:
    """Return nano-dollars as dollars for people: cents, and as many places as it takes to show a small amount."""
    amount = Decimal(abs(amount_nanos)) / NANOS_PER_USD
    places = 2 if amount == 0 or amount >= 1 else 4 if amount >= CENT else 6
    return f"{'-' if amount_nanos < 0 else ''}${amount:,.{places}f}"

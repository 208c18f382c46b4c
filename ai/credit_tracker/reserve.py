"""The reserve: what a mind that may die of bankruptcy keeps back, so that it can still pay its last words and post."""

from dataclasses import dataclass, replace

from ai.credit_tracker.balances import available
from ai.credit_tracker.months import find_month, month_account, pending_restore, spent_account
from ai.credit_tracker.records import Expense
from ai.credit_tracker.reserve_rows import change_reserve, find_reserve, reserved_in
from ai.ledger.transaction import Transaction

# Of what a month was given, all minds together keep one dollar in twenty at most. At the default prices the words of
# a Haiku class model ($0.0165) and a post ($0.015) fit from $0.63 a month on, a small model's words and the post from
# $0.32; of $5 they are less than a hundredth.
RESERVE_SHARE = 20


@dataclass(frozen=True, slots=True)
class LastNeeds:
    """What a death may have to hold, in nano-dollars.

    `least` and `words` are the bound of a call for last words, on the cheapest model and on the best of the cheap ones;
    `post` is the price of a post, 0 where posts do not leave.
    """

    least: int
    words: int
    post: int


def keep_reserve(tx: Transaction, mind: str, period: str, needs: LastNeeds | None, smallest_hold: int) -> None:
    """Hold of the month what a death needs and the month can spare; release what is kept and not needed.

    `needs` None: this mind cannot die of bankruptcy. Never takes what a paid thought (`smallest_hold`) needs, so it
    makes nobody bankrupt. What a death took is not held anew before the month is given more. The same again changes
    nothing.
    """
    month = find_month(tx, period)
    if month is None or month.closed:
        return
    reserve = find_reserve(tx, mind, period)
    share = max(0, month.given // RESERVE_SHARE - (reserved_in(tx, period) - reserve.held))
    if needs is None:
        kept = replace(reserve, words=0, post=0)
    elif reserve.spent_at is not None and month.given <= reserve.spent_at:
        words = min(reserve.words, share)
        kept = replace(reserve, words=words, post=min(reserve.post, share - words))
    else:
        spare = 0 if pending_restore(tx) else max(0, available(tx, month_account(period)) - smallest_hold)
        words, post = _parts(needs, min(share, reserve.held + spare))
        kept = replace(reserve, words=words, post=post, spent_at=None)
    change_reserve(tx, reserve, kept, _way(period))


def draw_on_reserve(tx: Transaction, mind: str, period: str, expense: Expense) -> None:
    """Release of the reserve what the month lacks for an expense at a life's end, words or post each of its own part.

    The caller holds for the expense in the same transaction, so nobody else can take it in between. Where the part is
    not enough, nothing is released.
    """
    reserve = find_reserve(tx, mind, period)
    short = expense.amount_nanos - available(tx, month_account(period))
    part = "post" if expense.posts else "words"
    left = getattr(reserve, part) - short
    month = find_month(tx, period)
    if short > 0 and left >= 0 and month is not None:
        change_reserve(tx, reserve, replace(reserve, **{part: left}, spent_at=month.given), _way(period))


def _parts(needs: LastNeeds, limit: int) -> tuple[int, int]:
    """Return what of `limit` is kept for words and for the post: words first, because no post comes without them."""
    if limit < needs.least:
        return 0, 0
    post = needs.post if limit >= needs.least + needs.post else 0
    return min(needs.words, limit - post), post


def _way(period: str) -> tuple[str, str]:
    return month_account(period), spent_account(period)

"""Donations that payment services tell of: each transaction recorded once, then asked of the daemon as a top-up."""

from collections.abc import Callable, Mapping
from typing import Any

from ai.clock import Clock, rfc3339
from ai.ledger.money import usd9
from ai.mind.database import MindDatabase
from ai.observer.sources import Donation, Receipt

NOT_DOLLARS = "not in US dollars; book it by hand if you exchange it"
BY = "a donation"
DIFFERS = "the same transaction was told before with another amount"


class Donations:
    """The table `donations` in mind.db; written on the daemon's loop, like all of mind.db."""

    def __init__(self, mind: MindDatabase, clock: Clock, put: Callable[[str, Mapping[str, Any]], int]) -> None:
        self._mind = mind
        self._clock = clock
        self._put = put

    def record(self, donation: Donation) -> Receipt:
        """Keep `donation`; the first time, and where it can be booked, also ask for `topup` and tell the mind (`say`).

        The row and the commands are one transaction; the top-up bears the transaction's id, so that the ledger
        too books it once.
        """
        refused = donation.problem or (NOT_DOLLARS if donation.amount_nanos is None else None)
        with self._mind.transaction() as connection:
            known = connection.execute(
                "SELECT amount_told, refused FROM donations WHERE id = ?", (donation.id,)
            ).fetchone()
            if known is not None:
                same = known["amount_told"] == donation.amount_told
                return Receipt(new=False, refused=known["refused"] if same else DIFFERS)
            connection.execute(
                "INSERT INTO donations (id, at, donor, message, amount_told, amount_nanos, refused) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    donation.id,
                    rfc3339(self._clock.now()),
                    self._mind.redact(donation.donor),
                    self._mind.redact(donation.message),
                    donation.amount_told,
                    donation.amount_nanos,
                    refused,
                ),
            )
            if refused is None and donation.amount_nanos is not None:
                amount = usd9(donation.amount_nanos)
                self._put("topup", {"amount": amount, "from": donation.donor, "id": donation.id, "by": BY})
                self._put("say", {"text": _thanks(donation), "by": f"donor {donation.donor}"})
        return Receipt(new=True, refused=refused)


def _thanks(donation: Donation) -> str:
    said = f', and says: "{donation.message}"' if donation.message else ""
    return f"{donation.donor} gave {donation.amount_told} so that you can go on thinking{said}"

"""Refuses, at a start, sub-budgets whose model is misspelt: such a cap would hold nobody back."""

from fnmatch import fnmatchcase

from ai.ledger.errors import StoreUnavailable
from ai.ledger.ledger import Ledger
from ai.ledger.transaction import Transaction
from ai.model_config.catalogue import Catalogue
from ai.settings import Settings
from ai.settings.covers import model_meant
from ai.settings.sources import SettingsError

MOST_NAMES = 10_000  # models ever paid; a catalogue has hundreds


async def refuse_misspelt(settings: Settings, catalogue: Catalogue, ledger: Ledger) -> None:
    """Raise SettingsError where a sub-budget covers nothing and a model is near; one line with the right name.

    What the books know (a model that has left the catalogue, a program's name) is covered, whatever it is like.
    """
    if not settings.budgets or settings.provider == "local":
        return
    ids = [model.id for model in catalogue.models().values()]
    for cap in settings.budgets:
        for pattern in cap.covers:
            right = model_meant(pattern, ids)
            if right is not None and not await _in_the_books(ledger, pattern):
                said = f"BUDGETS: sub-budget {cap.name!r} covers {pattern!r}, which is nothing"
                raise SettingsError(f"{said}; did you mean {right!r}?")


async def _in_the_books(ledger: Ledger, pattern: str) -> bool:
    def query(tx: Transaction) -> bool:
        rows = tx.execute("SELECT DISTINCT subject, client FROM calls LIMIT ?", (MOST_NAMES,))
        return any(fnmatchcase(str(name), pattern) for row in rows for name in (row["subject"], row["client"]))

    try:
        return await ledger.read(query)
    except StoreUnavailable:
        return True  # nobody can say now; a mind lives without its purse

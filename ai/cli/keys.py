"""Commands on keys and statements: who may spend through the gateway, and what each did spend."""

import csv
import io
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import typer

from ai.cli.door import AsJson, Failed, ensure_data_dir, print_json, settings, show, wait_for
from ai.clock import SystemClock, rfc3339
from ai.credit_tracker import ProviderClock, open_credit_ledger
from ai.credit_tracker.caller_books import CallerBooks
from ai.credit_tracker.callers import PERIODS, Key, KeyEnded, KeyTerms, Per
from ai.credit_tracker.records import CallRecord, CapState
from ai.credit_tracker.statement import Statement, statement_json
from ai.gateway.pins import pin_problem
from ai.ledger.money import dollars, exact_nanos, usd9
from ai.settings import Settings

T = TypeVar("T")
keys = typer.Typer(no_args_is_help=True, help="Keys that programs come to the gateway with.")
CSV_COLUMNS = ("model", "calls", "prompt_tokens", "completion_tokens", "cost")
MOST_SHOWN = 100  # keys in a table that nobody asked to be whole: each `exec` leaves one that ended
MOST_A_MINUTE = 1_000_000  # beyond it no limit is meant


def add_to(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    keys.command("create")(create)
    keys.command("list")(list_keys)
    keys.command("revoke")(revoke)
    keys.command("topup")(topup)
    app.add_typer(keys, name="keys")
    app.command()(statement)


def create(  # noqa: PLR0913, PLR0917 - an option each
    name: Annotated[str, typer.Argument(help="What it is called: 1 to 64 letters, digits, `.`, `_` or `-`.")],
    budget: Annotated[
        str | None, typer.Option("--budget", metavar="USD", help="Dollars a period; `none`: no cap of its own.")
    ] = None,
    per: Annotated[str, typer.Option("--per", metavar="TIME", help="day, week, month or ever.")] = "month",
    model: Annotated[
        str | None, typer.Option("--model", metavar="ID", help="Serve every chat completion with this model.")
    ] = None,
    models: Annotated[
        list[str] | None, typer.Option("--models", metavar="GLOB", help="A glob of ids that it may use; repeatable.")
    ] = None,
    max_call: Annotated[
        str | None, typer.Option("--max-call", metavar="USD", help="Dollars that one call may cost at most.")
    ] = None,
    rpm: Annotated[
        int | None, typer.Option("--requests-per-minute", min=1, max=MOST_A_MINUTE, help="Calls a minute at most.")
    ] = None,
    expires: Annotated[
        str | None, typer.Option("--expires", metavar="DATE", help="Its last day, like 2027-01-31, or a time.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key. Its secret is shown this once; only a hash of it is kept."""
    if per not in PERIODS:
        raise Failed(f"--per {per!r} is none of {', '.join(PERIODS)}")
    if budget is None:
        if as_json or not sys.stdin.isatty():
            raise Failed("--budget is missing: how many dollars may it spend? write it like 5.00, or `none` for no cap")
        budget = typer.prompt("How many dollars may it spend a month (`none`: no cap of its own)")
    refuse_bad_pin(settings(), model)
    known: dict[str, Per] = {one: one for one in PERIODS}
    terms = KeyTerms(
        budget=None if budget == "none" else amount_of(budget, "--budget"),
        per=known[per],
        model=model,
        models=tuple(models or ()),
        max_call=None if max_call is None else amount_of(max_call, "--max-call"),
        requests_per_minute=rpm,
        expires_at=None if expires is None else _when(expires),
    )

    async def work(books: CallerBooks) -> str:
        return (await books.create_key(name, terms))[1]

    secret = with_books(work)
    if as_json:
        print_json({"name": name, "key": secret})
    else:
        typer.echo(secret)
        typer.echo("keep it: it is shown this once", err=True)


def list_keys(
    every: Annotated[bool, typer.Option("--all", help="All of them, however many there are.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the keys with what each may do and what it spent, ended ones last; never a secret. `--json` has them all."""
    now = datetime.now(UTC)

    async def work(books: CallerBooks) -> list[tuple[Key, CapState | None, int]]:
        return await books.all_keys()

    found = with_books(work, reading=True)
    if as_json:
        print_json([_row(*one, now) for one in found])
        return
    if not found:
        typer.echo("no keys yet; `genesis keys create NAME --budget USD` makes one")
        return
    from ai.cli.tables import keys_table  # noqa: PLC0415 - rich, where a table is wanted

    in_order = sorted(found, key=lambda one: _place(one[0], now))  # those of one place stay by name
    shown = in_order if every else in_order[:MOST_SHOWN]
    show(keys_table([_row(*one, now) for one in shown]))
    if len(shown) < len(found):
        typer.echo(f"{len(found) - len(shown):,} more, {_left_out(in_order[MOST_SHOWN:], now)}; --all shows them")


def revoke(name: Annotated[str, typer.Argument(help="The key's name.")]) -> None:
    """End a key at once, in every replica."""

    async def work(books: CallerBooks) -> None:
        await books.revoke_key(name)

    with_books(work)
    typer.echo(f"key {name} is revoked; nothing more is spent with it")


def topup(
    name: Annotated[str, typer.Argument(help="The key's name.")],
    usd: Annotated[str, typer.Argument(help="Dollars to add to its current period, like 2.50.")],
) -> None:
    """Raise what a key may spend in its current period, from the next call on."""
    amount = amount_of(usd, "the amount")

    async def work(books: CallerBooks) -> None:
        await books.topup_key(name, amount, uuid.uuid4().hex)

    with_books(work)
    typer.echo(f"key {name} may spend {dollars(amount)} more")


def statement(  # noqa: PLR0913, PLR0917 - an option each
    run: Annotated[str | None, typer.Option("--run", metavar="NAME", help="Of this run alone.")] = None,
    key: Annotated[str | None, typer.Option("--key", metavar="NAME", help="Of this key alone.")] = None,
    period: Annotated[
        str | None, typer.Option("--period", metavar="YYYY-MM", help="Of this month alone, like 2026-11.")
    ] = None,
    calls: Annotated[bool, typer.Option("--calls", help="Every call too, with the provider's id.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print it as CSV.")] = False,
    as_json: AsJson = False,
) -> None:
    """What programs spent, exact: calls, tokens and cost by model, what is held, outcomes that are unknown."""

    async def work(books: CallerBooks) -> tuple[Statement, list[CallRecord] | None]:
        if (problem := await books.nobody(run=run, key=key)) is not None:
            raise Failed(problem)
        found = await books.statement(run=run, key=key, period=period)
        return found, await _calls(books, found) if calls else None

    found, rows = with_books(work, reading=True)
    document = statement_json(found, rows)
    if as_json:
        print_json(document)
    elif as_csv:
        typer.echo(_csv(document["rows"] if calls else document["by_model"]), nl=False)
    else:
        _show(document)


async def _calls(books: CallerBooks, found: Statement) -> list[CallRecord]:
    rows: list[CallRecord] = []
    while True:
        page = await books.statement_calls(
            run=found.run, key=found.key, period=found.period, after_seq=rows[-1].seq if rows else 0
        )
        if not page:
            return rows
        rows += page


def _csv(rows: list[dict[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]) if rows else CSV_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _show(document: dict[str, Any]) -> None:
    from ai.cli.tables import statement_table  # noqa: PLC0415 - rich, where a table is wanted

    show(statement_table(document))
    typer.echo(f"held: ${document['held']}, outcomes unknown: {document['unknown']}")
    for row in document.get("rows", ()):
        cost = row["cost"] or f"≤ {row['held']}"
        typer.echo(f"{row['held_at']} {row['state']} {row['model']} ${cost} {row['provider_id'] or '–'}")


def _place(key: Key, now: datetime) -> tuple[bool, float]:
    """Good keys first, then those that ended, the one that ended last before the others."""
    if key.ended(now) is None:
        return False, 0.0
    ends = [at for at in (key.revoked_at, key.terms.expires_at) if at is not None and at <= now]
    return True, -min(ends).timestamp()


def _left_out(rest: Sequence[tuple[Key, CapState | None, int]], now: datetime) -> str:
    good = sum(key.ended(now) is None for key, _, _ in rest)
    return f"{good:,} of them good" if good else "all of which ended"


def _row(key: Key, cap: CapState | None, spent: int, now: datetime) -> dict[str, Any]:
    terms = key.terms
    return {
        "name": key.name,
        "budget": None if terms.budget is None else usd9(terms.budget),
        "per": None if terms.budget is None else terms.per,
        "spent": usd9(spent),
        "available": None if cap is None else usd9(cap.available),
        "model": terms.model,
        "models": list(terms.models),
        "max_call": None if terms.max_call is None else usd9(terms.max_call),
        "requests_per_minute": terms.requests_per_minute,
        "created_at": rfc3339(key.created_at),
        "expires_at": None if terms.expires_at is None else rfc3339(terms.expires_at),
        "state": key.ended(now) or "good",
    }


def refuse_bad_pin(chosen: Settings, pin: str | None) -> None:
    """Raise Failed where every call with this pin would be refused, as far as the listing that was kept tells."""
    if pin is None:
        return
    from ai.model_config.catalogue import Catalogue  # noqa: PLC0415 - what fetches it, where a model is named

    clock = SystemClock()
    catalogue = Catalogue(chosen, clock, ProviderClock(clock, required=False))
    problem = pin_problem(pin, catalogue, clock.now())
    if problem is not None:
        raise Failed(problem)


def amount_of(text: str, what: str) -> int:
    """Return dollars as nano-dollars; raises Failed for what is no amount above or at 0."""
    try:
        amount = exact_nanos(text)
    except ValueError:
        amount = -1
    if amount < 0:
        raise Failed(f"{what} {text!r} is not an amount in dollars; write it like 0.50")
    return amount


def with_books(work: Callable[[CallerBooks], Awaitable[T]], *, reading: bool = False) -> T:
    """Return what `work` does with the purse's books of callers; raises Failed for what they refuse.

    `reading`: a purse in a folder that takes no writing is opened for reading alone, so that it can be looked into.
    """

    @asynccontextmanager
    async def opened() -> AsyncIterator[CallerBooks]:
        chosen, clock = settings(), SystemClock()
        only_read = reading and chosen.purse_is_only_read
        if not only_read:
            ensure_data_dir(chosen.data_dir)
        ledger = open_credit_ledger(chosen.purse_url, clock, read_only=only_read)
        try:
            yield CallerBooks(ledger, chosen, clock)
        finally:
            ledger.close()

    async def done() -> T:
        async with opened() as books:
            return await work(books)

    try:
        return wait_for(done)
    except (KeyEnded, ValueError) as error:
        raise Failed(str(error)) from None


def _when(text: str) -> datetime:
    """Return until when a key is good; raises Failed for what is no day, or is over."""
    try:
        when = datetime.fromisoformat(text)
        if len(text) <= len("2027-01-31"):
            when = when.replace(hour=23, minute=59, second=59)  # its last day, not its first instant
        until = when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Failed(f"--expires {text!r} is no day; write it like 2027-01-31") from None
    if until <= datetime.now(UTC):
        raise Failed(f"--expires {text!r} is over already; write a day that is to come")
    return until

"""Commands on the books: budget as tables, JSON or CSV; reconcile; backup and restore."""

import json
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from ai.cli.budget_tables import render_budget, render_spending
from ai.cli.care import deliver
from ai.cli.door import AsJson, Failed, ensure_data_dir, look, print_json, settings, show, wait_for
from ai.cli.tables import calls_table
from ai.clock import SystemClock
from ai.credit_tracker.audit import check_records
from ai.credit_tracker.reconciliation_words import reconciliation_lines
from ai.credit_tracker.spending import spending_csv, spending_json
from ai.daemon.read_only_app import ReadOnlyApp
from ai.ledger import audit as audit_books
from ai.operations.backup import BackupProblem, make_backup
from ai.operations.lock import DaemonLock
from ai.operations.restore import restore_backup


def add_to(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    for command in (budget, audit, reconcile, backup, restore):
        app.command()(command)


def budget(
    as_json: AsJson = False,
    calls: Annotated[int, typer.Option("--calls", min=0, max=1000, help="Show the last N calls too.")] = 0,
    month: Annotated[
        str | None, typer.Option("--month", metavar="YYYY-MM", help="Another month, like 2026-10.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="YYYY-MM-DD", help="From this UTC day on, like 2026-11-01.")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the spending as CSV.")] = False,
) -> None:
    """The month: granted, spent, held, available, how long it lasts, and where it went."""
    if month is not None and since is not None:
        raise Failed("--month and --since were both given; choose one")
    first = _day(since)

    async def work(app: ReadOnlyApp) -> None:
        books = app.tracker
        try:
            spending = await books.spending(month=month, since=first)
        except ValueError:
            raise Failed(f"--month {month!r} is no month; write it like 2026-11") from None
        if as_csv:
            typer.echo(spending_csv(spending), nl=False)
        elif as_json:
            document = await books.budget_report(month) if first is None else spending_json(spending)
            print_json(document | ({"calls": await books.calls(calls)} if calls else {}))
        else:
            whole = month is None and first is None
            show(
                render_budget(await books.balance(), await books.caps(), spending, await books.pace())
                if whole
                else render_spending(spending)
            )
            if calls:
                show(calls_table(await books.calls(calls)))

    look(work)


def audit(as_json: AsJson = False) -> None:
    """Recompute every balance from its transfers; exit 1 and name the account if one does not match."""

    async def work(app: ReadOnlyApp) -> dict[str, Any]:
        report = await app.ledger.read(audit_books)
        records = await app.ledger.read(check_records)
        return {
            "ok": report.ok and not records,
            "accounts": report.accounts,
            "transfers": report.transfers,
            "holds_open": report.holds_open,
            "mismatches": [*report.mismatches, *records],
        }

    document = look(work)
    if as_json:
        print_json(document)
    else:
        typer.echo(
            f"{document['accounts']} accounts, {document['transfers']:,} transfers, "
            f"{document['holds_open']} holds open: " + ("every balance matches" if document["ok"] else "NOT in order")
        )
    if not document["ok"]:
        raise Failed(f"the books do not match: {'; '.join(map(str, document['mismatches']))}")


def reconcile(
    as_json: AsJson = False,
    gap: Annotated[
        str | None, typer.Option("--gap", metavar="USD", help="After a restore: dollars spent since the backup.")
    ] = None,
) -> None:
    """Ask the provider about unknown outcomes and its total of the month; show drift and its likely cause."""
    answer = wait_for(lambda: deliver("reconcile", {} if gap is None else {"gap": gap}))
    if not answer.ok:
        raise Failed(answer.result)
    document = json.loads(answer.result)
    if as_json:
        print_json(document)
        return
    for line in reconciliation_lines(document):
        typer.echo(line)


def backup(file: Annotated[Path, typer.Argument(help="The archive to write, like genesis-backup.tar.gz.")]) -> None:
    """Copy purse, mind and lives into one archive; consistent while the daemon runs."""
    try:
        manifest = make_backup(file, settings(), SystemClock())
    except BackupProblem as error:
        raise Failed(str(error)) from None
    typer.echo(f"wrote {file}: {len(manifest.files)} files of the mind {manifest.mind}")


def restore(
    file: Annotated[Path, typer.Argument(help="An archive that `genesis backup` wrote.")],
    force: Annotated[
        bool, typer.Option("--force", help="Move what is there aside and put the backup in its place.")
    ] = False,
) -> None:
    """Put a backup back; the daemon must be stopped. Nothing is paid before `reconcile` booked what came since."""
    chosen = settings()
    ensure_data_dir(chosen.data_dir, restoring=True)
    with DaemonLock(chosen.data_dir):
        try:
            done = restore_backup(file, chosen, SystemClock(), force=force)
        except BackupProblem as error:
            raise Failed(str(error)) from None
    for path in done.kept:
        typer.echo(f"what was there is kept in {path}")
    typer.echo(
        f"restored {done.transfers:,} transfers from {done.manifest.created_at:%Y-%m-%d %H:%M} UTC; "
        "nothing is paid until `genesis reconcile` has booked what was spent since"
    )


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Failed(f"--since {text!r} is no day; write it like 2026-11-01") from None

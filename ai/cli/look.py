"""Commands that only look: status, models, tweets, logs; each as words or as one JSON document."""

import asyncio
import re
import tempfile
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from ai.cli.door import AsJson, Failed, ensure_data_dir, look, print_json, settings, show, wait_for
from ai.clock import SystemClock, parse_rfc3339
from ai.credit_tracker.accounts import open_credit_ledger
from ai.daemon import status as status_document
from ai.daemon.read_only_app import ReadOnlyApp, open_read_only_app
from ai.ledger.money import dollars, nanos
from ai.mind.database import open_mind
from ai.mind.events import EVENTS
from ai.mind.journal import Event, read_after, read_before
from ai.mind.redaction import Redactor
from ai.model_config.row import ModelRow
from ai.settings import Settings

PAGE = 500
FOLLOW_SECONDS = 0.3
LAST_LINES = 50
LONGEST_NUMBER = 12  # digits; more are an age before all that can be
SINCE = re.compile(r"^(\d+)([smhd])$")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def add_to(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    for command in (status, models, tweets, logs):
        app.command()(command)


def status(as_json: AsJson = False) -> None:
    """Alive or dead, which life, who, with which model, last and next beat, and the budget."""

    async def work(app: ReadOnlyApp) -> dict[str, Any]:
        return status_document.state(
            app.chronicle,
            app.schedule,
            app.thinker(),
            await app.tracker.balance(),
            next_birth_at=None,
        )

    document = look(work)
    if as_json:
        print_json(document)
        return
    who = f"life #{document['life']}, {document['name']} ({document['pronoun']})" if document["life"] else "nobody yet"
    state = ("alive" if document["alive"] else "not alive") + (", paused" if document["paused"] else "")
    money = document["budget"]
    beats = f"{document['beats']:,} beat{'s' if document['beats'] != 1 else ''}"
    typer.echo(f"{state}: {who}, {beats} since {document['born_at'] or 'never'}")
    thinker = f"{document['model']} ({document['tier'] or 'no tier'})" if document["model"] else "nobody yet"
    typer.echo(f"thinks with: {thinker}")
    typer.echo(f"last beat: {document['last_beat_at'] or 'never'}; next: {document['next_beat_at'] or 'none'}")
    if document["purse_away"]:
        typer.echo("budget: not known now, the purse is out of reach; `genesis doctor` says why")
    else:
        available, granted = dollars(nanos(money["available"])), dollars(nanos(money["granted"]))
        typer.echo(f"budget: {available} available, {granted} granted this month ({money['band']})")


def models(as_json: AsJson = False) -> None:
    """The catalogue: tier, prices, intelligence, health, and whether it is affordable now."""
    chosen = settings()
    lived = (chosen.data_dir / "mind.db").exists()
    rows = look(ReadOnlyApp.models) if lived else wait_for(lambda: _before_anybody_lived(chosen))
    if as_json:
        print_json(rows)
        return
    from ai.cli.tables import models_table  # noqa: PLC0415 - rich, where a table is wanted

    show(models_table(rows))


async def _before_anybody_lived(chosen: Settings) -> list[ModelRow]:
    """Return the catalogue as a first start would find it, from a folder that is thrown away."""
    clock = SystemClock()
    with tempfile.TemporaryDirectory() as folder:
        empty = chosen.model_copy(update={"data_dir": Path(folder), "database_url": None})
        ensure_data_dir(empty.data_dir)
        open_mind(empty.data_dir / "mind.db", secrets=chosen.secrets()).close()
        open_credit_ledger(empty.purse_url, clock).close()
        async with open_read_only_app(empty, clock) as app:
            return await app.models()


def tweets(as_json: AsJson = False) -> None:
    """The timeline and the outbox, with each post's state."""

    async def work(app: ReadOnlyApp) -> Sequence[dict[str, Any]]:
        return app.outbox.table(PAGE)

    rows = look(work)
    if as_json:
        print_json(rows)
        return
    from ai.cli.tables import posts_table  # noqa: PLC0415 - the same

    show(posts_table(rows) if rows else "no posts yet")


def logs(
    follow: Annotated[bool, typer.Option("--follow", help="Go on with what happens from now on.")] = False,
    kind: Annotated[
        list[str] | None, typer.Option("--kind", metavar="KIND", help="Only this kind; may be given again.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="From then on: 2h, 30m, 1d, or an RFC 3339 time.")
    ] = None,
) -> None:
    """The journal as log lines."""
    kinds = frozenset(kind or ())
    unknown = sorted(name for name in kinds if name not in EVENTS)
    if unknown:
        raise Failed(f"{unknown[0]!r} is no kind of event; one of {', '.join(sorted(EVENTS))}")
    start = _start(since) if since else None
    redact = Redactor(settings().secrets())

    async def work(app: ReadOnlyApp) -> None:
        if start is None:
            seq = _tell(reversed(read_before(app.mind, None, LAST_LINES, kinds)), redact)
        else:
            seq = 0
            while events := read_after(app.mind, seq, PAGE, kinds):
                seq = events[-1].seq
                _tell((event for event in events if event.at >= start), redact)
        while follow:
            seq = _tell(read_after(app.mind, seq, PAGE, kinds), redact, seq)
            await asyncio.sleep(FOLLOW_SECONDS)

    look(work)


def _tell(events: Iterable[Event], redact: Redactor, seq: int = 0) -> int:
    from ai.mind.logs import render_event  # noqa: PLC0415 - structlog, which no other of these commands needs

    for event in events:
        typer.echo(redact(render_event(event, settings().log_format)))
        seq = event.seq
    return seq


def _start(since: str) -> datetime:
    now = SystemClock().now()
    try:
        if match := SINCE.match(since):
            return now - timedelta(seconds=int(match[1][:LONGEST_NUMBER]) * SECONDS[match[2]])
        return parse_rfc3339(since).astimezone(UTC)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)  # longer ago than there were days: all of it
    except ValueError:
        raise Failed(f"--since {since!r} is no time; write 2h, 30m, 1d or 2026-11-22T05:00:00Z") from None

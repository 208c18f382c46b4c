"""Commands that change something: each is a row that the daemon carries out, or this process in its place."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any

import typer

from ai.cli.door import Failed, ensure_data_dir, look, settings, wait_for
from ai.clock import SystemClock
from ai.daemon.read_only_app import ReadOnlyApp
from ai.ledger.money import exact_nanos, usd9
from ai.mind.commands import Answer, Commands
from ai.mind.database import open_mind
from ai.mind.logs import configure
from ai.operations.lock import DaemonLock, Locked, is_held
from ai.people.letters import MAX_LETTER_CHARS
from ai.people.plain import plain
from ai.settings import Settings

LOOK_SECONDS = 0.1
SAY_SECONDS = 0.9  # a person who says something gets an answer within a second, whatever the mind does
LEFT = "left for it, and kept: it is in the middle of a step, takes it up after that, and reads it at its next beat"
DEAR_SHOWN = 20
ANSWER_SECONDS = 310.0  # a daemon carries commands out between steps; a beat ends within 300 s


def add_to(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    for command in (topup, settle, pause, resume, say, kill, unbar):
        app.command()(command)


def topup(
    usd: Annotated[str, typer.Argument(help="Dollars to add, like 2.50.")],
    from_: Annotated[str, typer.Option("--from", metavar="WHO", help="Who gives them.")],
) -> None:
    """Put money into this month's budget; it rolls over to the next month."""
    amount = _dollars(usd)
    if not from_.strip():
        raise Failed("--from is empty; say who gives, like: --from Ada")
    ask("topup", amount=amount, **{"from": from_.strip()})


def settle(
    call: Annotated[str | None, typer.Argument(help="The call's id; without it, such charges are listed.")] = None,
    usd: Annotated[str | None, typer.Argument(help="What it did cost, in dollars, like 0.02.")] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Why; it stands in the books.")] = None,
) -> None:
    """Settle a disputed charge at what it did cost; without a call: list those charged above what was held."""
    if call is None:
        look(_show_dear_calls)
        return
    if usd is None or reason is None or not reason.strip():
        raise Failed('say what the call did cost and why, like: genesis settle CALL 0.02 --reason "refunded"')
    ask("settle", call=call, cost=_dollars(usd), reason=reason)


async def _show_dear_calls(app: ReadOnlyApp) -> None:
    calls = await app.tracker.dear_calls(DEAR_SHOWN)
    for call in calls:
        said = f" ({call.problem})" if call.problem else ""
        typer.echo(f"{call.id}  {call.subject}: charged ${usd9(call.cost or 0)}, held ${usd9(call.held)}{said}")
    if not calls:
        typer.echo("no call was charged above what was held for it")


def _dollars(usd: str) -> str:
    """Return an amount that a person typed, written out; raises Failed where it is none."""
    try:
        exact_nanos(usd)
    except ValueError:
        raise Failed(f"{usd!r} is not an amount in dollars with at most 9 places; write it like 2.50") from None
    return f"{Decimal(usd):f}"


def pause() -> None:
    """Stop thinking, without death."""
    ask("pause")


def resume() -> None:
    """Go on thinking."""
    ask("resume")


def say(text: Annotated[str, typer.Argument(help="What you want to say.")]) -> None:
    """Leave a message for the mind; it reads it at its next beat."""
    words = plain(text, MAX_LETTER_CHARS)
    if not words:
        raise Failed("the message is empty; write what you want to say")
    if len(text) > MAX_LETTER_CHARS:
        raise Failed(f"the message has {len(text):,} characters; write {MAX_LETTER_CHARS:,} at most")
    _tell(wait_for(lambda: deliver("say", {"text": words}, SAY_SECONDS)))


def kill(cause: Annotated[str, typer.Option("--cause", help="Why this life ends.")]) -> None:
    """End this life; the next one is born after a while. The purse is untouched."""
    ask("kill", cause=cause)


def unbar(model: Annotated[str, typer.Argument(help="The model's id, as `genesis models` shows it.")]) -> None:
    """Let a model be asked again that billed more than its bound; its price is your word now."""
    ask("unbar", model=model)


def ask(kind: str, **data: Any) -> None:
    """Have a command carried out and print its answer; raises Failed where it was refused."""
    _tell(wait_for(lambda: deliver(kind, data)))


def _tell(answer: Answer) -> None:
    if not answer.ok:
        raise Failed(answer.result)
    typer.echo(answer.result)


async def deliver(kind: str, data: dict[str, Any], seconds: float | None = None) -> Answer:
    """Have a command carried out by the daemon that lives in DATA_DIR, or by this process where none does.

    `seconds`: wait no longer than that; the command stays, and the answer says so. The same command that waits already
    is not asked twice; one that is given up (Ctrl-C, no answer within
    ANSWER_SECONDS) is withdrawn. Raises Failed where nobody answers.
    """
    clock, here = SystemClock(), settings()
    ensure_data_dir(here.data_dir)
    with (
        _ended_by_signals(),  # before the command is asked: nobody leaves it behind between the two
        contextlib.closing(open_mind(here.data_dir / "mind.db", secrets=here.secrets())) as mind,
    ):
        commands = Commands(mind, clock)
        waiting = commands.waiting_like(kind, data)
        if waiting is not None:
            sys.stderr.write("genesis: the same command waits already, so it is asked once; this is its answer\n")
        row = commands.put(kind, **data) if waiting is None else waiting
        try:
            return await _answered(here, clock, commands, row, seconds)
        except BaseException:
            if waiting is None:
                commands.withdraw(row)
            raise


async def _answered(
    here: Settings, clock: SystemClock, commands: Commands, row: int, seconds: float | None = None
) -> Answer:
    """Wait for whoever lives in DATA_DIR to carry the command out; as soon as nobody does, do it here."""
    until = clock.monotonic() + (seconds or ANSWER_SECONDS)
    while (answer := commands.answer(row)).ok is None:
        if clock.monotonic() > until:
            if seconds is not None:
                return Answer(True, LEFT)
            raise Failed("the daemon did not answer; look at its log (genesis logs --follow)")
        if is_held(here.data_dir) or not await _carry_out_here(here, clock):
            await asyncio.sleep(LOOK_SECONDS)
        elif (answer := commands.answer(row)).ok is None:
            raise Failed("the purse is away, and the outcome is not known; the command waits until it is back")
    return answer


async def _carry_out_here(here: Settings, clock: SystemClock) -> bool:
    """Carry out what waits, in place of a daemon; False where somebody was faster."""
    from ai.daemon.wiring import open_app  # noqa: PLC0415 - every room; where a daemon lives, none of them is needed

    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(DaemonLock(here.data_dir))
        except Locked:
            return False
        configure(here.log_format, "ERROR", here.secrets())  # the command's answer is its one line
        async with open_app(here, clock) as app:
            await app.command_handlers.carry_out_waiting()
    return True


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let a closed terminal or `kill` give the command up as Ctrl-C does, so that it is withdrawn."""
    loop, task, given_up = asyncio.get_running_loop(), asyncio.current_task(), []
    numbers = (signal.SIGTERM, signal.SIGHUP)

    def give_up(number: int) -> None:
        given_up.append(number)
        if task is not None:
            task.cancel()

    for number in numbers:
        loop.add_signal_handler(number, give_up, number)
    try:
        yield
    except asyncio.CancelledError:
        if given_up:
            raise Failed("the command was given up; unless somebody had begun it, it was withdrawn") from None
        raise
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)

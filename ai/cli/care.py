"""Commands that change something: each is a row that the daemon carries out, or this process in its place."""

import asyncio
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import typer

from ai.cli.door import Failed, ensure_data_dir, settings, wait_for
from ai.clock import SystemClock
from ai.daemon.wiring import open_house
from ai.ledger.money import nanos
from ai.mind.commands import Answer, Commands
from ai.mind.database import open_mind
from ai.mind.logs import configure
from ai.operations.lock import DaemonLock, is_held

LOOK_SECONDS = 0.1
ANSWER_SECONDS = 310.0  # a daemon carries commands out between steps; a beat ends within 300 s


def add_to(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    for command in (topup, pause, resume, say, kill, unbar):
        app.command()(command)


def topup(
    usd: Annotated[str, typer.Argument(help="Dollars to add, like 2.50.")],
    from_: Annotated[str, typer.Option("--from", help="Who gives them.")],
) -> None:
    """Put money into this month's budget; it rolls over to the next month."""
    try:
        amount = Decimal(usd)
        nanos(amount)
    except (InvalidOperation, ValueError):
        raise Failed(f"{usd!r} is not an amount in dollars; write it like 2.50") from None
    ask("topup", amount=f"{amount:f}", **{"from": from_})


def pause() -> None:
    """Stop thinking, without death."""
    ask("pause")


def resume() -> None:
    """Go on thinking."""
    ask("resume")


def say(text: Annotated[str, typer.Argument(help="What you want to say.")]) -> None:
    """Leave a message for the mind; it reads it at its next beat."""
    ask("say", text=text)


def kill(cause: Annotated[str, typer.Option("--cause", help="Why this life ends.")]) -> None:
    """End this life; the next one is born after a while. The purse is untouched."""
    ask("kill", cause=cause)


def unbar(model: Annotated[str, typer.Argument(help="The model's id, as `genesis models` shows it.")]) -> None:
    """Let a model be asked again that billed more than its bound; its price is your word now."""
    ask("unbar", model=model)


def ask(kind: str, **data: Any) -> None:
    """Have a command carried out and print its answer; raises Failed where it was refused."""
    answer = wait_for(lambda: deliver(kind, data))
    if not answer.ok:
        raise Failed(answer.result)
    typer.echo(answer.result)


async def deliver(kind: str, data: dict[str, Any]) -> Answer:
    """Have a command carried out by the daemon that lives in DATA_DIR, or by this process where none does.

    Raises Failed where the daemon does not answer within ANSWER_SECONDS.
    """
    clock, here = SystemClock(), settings()
    ensure_data_dir(here.data_dir)
    if not is_held(here.data_dir):
        configure(here.log_format, "ERROR", here.secrets())  # the command's answer is its one line
        with DaemonLock(here.data_dir):
            async with open_house(here, clock) as house:
                row = house.commands.put(kind, **data)
                await house.caretaker.carry_out_waiting()
                return house.commands.answer(row)
    mind = open_mind(here.data_dir / "mind.db", secrets=here.secrets())
    commands = Commands(mind, clock)
    row = commands.put(kind, **data)
    until = clock.monotonic() + ANSWER_SECONDS
    while (answer := commands.answer(row)).ok is None:
        if clock.monotonic() > until:
            raise Failed("the daemon did not answer; look at its log (genesis logs --follow)")
        await asyncio.sleep(LOOK_SECONDS)
    return answer

"""Commands for programs that spend this purse: exec, gateway, statement."""

import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from ai.cli.door import Failed, ensure_data_dir, settings, wait_for
from ai.cli.keys import amount_of, refuse_bad_pin
from ai.cli.summary import summary
from ai.clock import SystemClock
from ai.daemon.gateway_serving import serve
from ai.daemon.programs import NotRun, Order, execute, made_name
from ai.daemon.workers import become_workers
from ai.gateway.headers import checked_name
from ai.gateway.refusals import Refusal
from ai.gateway.serving import listen
from ai.ledger.money import usd9
from ai.mind.logs import configure

OF_THE_PROGRAM = {"ignore_unknown_options": True, "allow_interspersed_args": False}
MOST_WORKERS = 64


def add_to(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    app.command("exec", context_settings=OF_THE_PROGRAM)(run_program)
    app.command()(gateway)


def run_program(
    command: Annotated[list[str], typer.Argument(metavar="-- PROGRAM …", help="The program and its arguments.")],
    budget: Annotated[
        str, typer.Option("--budget", metavar="USD", help="Dollars that it may spend at most, like 0.50.")
    ],
    run: Annotated[
        str | None,
        typer.Option("--run", metavar="NAME", help="The name that it is booked under; made where none is given."),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="ID", help="Serve every chat completion with this model.")
    ] = None,
) -> None:
    """Run any program under a cap that it cannot exceed; its usage is told at the end, its status is this one's."""
    most, chosen, clock = amount_of(budget, "--budget"), settings(), SystemClock()
    name = checked(run) if run is not None else made_name(command[0], datetime.now(UTC))
    ensure_data_dir(chosen.data_dir)
    refuse_bad_pin(chosen, model)
    configure(chosen.log_format, "ERROR", chosen.secrets(), stream=sys.stderr)  # stdout is the program's
    live = sys.stderr.isatty()

    def progress(calls: int, cost: int) -> None:
        if live:
            sys.stderr.write(f"\r\x1b[K🚪 {name}: {calls:,} calls, ${usd9(cost)} of ${usd9(most)}\r")
            sys.stderr.flush()

    try:
        ended = wait_for(lambda: execute(chosen, clock, Order(command, most, name, model), progress))
    except NotRun as error:
        raise Failed(str(error)) from None
    if live:
        sys.stderr.write("\r\x1b[K")
    sys.stderr.write(summary(ended.usage) + "\n")
    if ended.unknown:
        sys.stderr.write(f"genesis: {ended.unknown} outcomes are unknown yet; `genesis statement --run {name}` tells\n")
    raise SystemExit(ended.status)


def gateway(
    workers: Annotated[int, typer.Option("--workers", min=1, max=MOST_WORKERS, help="Processes that answer.")] = 1,
) -> None:
    """Open the door for programs alone, without a mind, on this purse; SIGTERM ends it with nothing lost."""
    chosen = settings()
    configure(chosen.log_format, chosen.log_level, chosen.secrets())
    ensure_data_dir(chosen.data_dir)
    listener = listen(chosen.observer_host, chosen.observer_port)
    if workers == 1 or become_workers(workers):
        wait_for(lambda: serve(chosen, SystemClock(), listener, alone=workers == 1))


def checked(run: str) -> str:
    """Return the name of a run; raises Failed for one that is none."""
    try:
        return checked_name(run, "run")
    except Refusal as refusal:
        raise Failed(refusal.message) from None

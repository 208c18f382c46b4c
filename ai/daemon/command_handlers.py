"""Carries out what people ask of the mind, between its steps, and acknowledges each with one line."""

import json
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from ai.asking import Ask
from ai.credit_tracker import CreditTracker
from ai.credit_tracker.reconciliation import Reconciler, reconciliation_json
from ai.ledger.errors import LedgerError, StoreUnavailable
from ai.ledger.money import NANOS_PER_USD, dollars, exact_nanos, nanos, usd9
from ai.life import Announce, Life, Lives
from ai.life.self_page import NoSuchVersion
from ai.llm import ModelHealth
from ai.mind.commands import Command, Commands
from ai.mind.journal import Journal
from ai.mind.schedule import Schedule
from ai.people import LetterRefused, Letters
from ai.social import Outbox, Post, PostRefusal

BEATS_AT_MOST = 10_000  # of one `run N`: at one a second that is three hours; more is a typing error
TOPUP_AT_MOST_NANOS = 10_000 * NANOS_PER_USD  # more by one command is rather a slip of the finger


SELF_TOLD = frozenset({"say", "pause", "resume", "reconcile", "forget"})  # these have an event or a figure of their own


class Refusal(Exception):
    """A command could not be carried out; the message is one line."""


class CommandHandlers:
    """Carries out commands between steps. `beats_asked` counts the beats that `run N` still owes."""

    def __init__(  # noqa: PLR0913 - people may touch every room
        self,
        *,
        commands: Commands,
        schedule: Schedule,
        lives: Lives,
        ask: Ask,
        announce: Announce,
        tracker: CreditTracker,
        outbox: Outbox,
        reconciler: Reconciler,
        health: ModelHealth,
        letters: Letters,
        journal: Journal,
    ) -> None:
        self._commands = commands
        self._schedule = schedule
        self._lives = lives
        self._ask, self._announce = ask, announce
        self._tracker = tracker
        self._outbox = outbox
        self._reconciler = reconciler
        self._health = health
        self._letters = letters
        self._journal = journal
        self.beats_asked = 0
        self._hands: dict[str, Callable[[dict[str, Any], Command], Awaitable[str]]] = {
            "pause": self._pause,
            "resume": self._resume,
            "say": self._say,
            "topup": self._topup,
            "kill": self._kill,
            "run": self._run,
            "approve": self._approve,
            "refuse": self._refuse,
            "sign_in": self._sign_in,
            "reconcile": self._reconcile,
            "forget": self._forget,
            "restore_self": self._restore_self,
            "unbar": self._unbar,
            "settle": self._settle,
            "release_letter": self._release_letter,
            "refuse_letter": self._refuse_letter,
        }

    async def carry_out_waiting(self, kinds: Collection[str] = ()) -> None:
        """Carry out every command that waits (of `kinds`, or all), oldest first; one that fails is answered."""
        for command in self._commands.pending():
            if (kinds and command.kind not in kinds) or not self._commands.begin(command.id):
                continue
            try:
                result, ok = await self._hands[command.kind](dict(command.data), command), True
            except StoreUnavailable as error:
                if _is_owed(
                    command, error
                ):  # it waits until the purse is back: its id keeps it from being booked twice
                    continue
                result, ok = " ".join(str(error).split()), False
            except (Refusal, LetterRefused, LedgerError, NoSuchVersion, ValueError, KeyError) as error:
                result, ok = " ".join(str(error).split()), False
            self._commands.finish(command.id, ok=ok, result=result)
            by = str(command.data.get("by", "caretaker"))
            if command.kind not in SELF_TOLD:
                self._journal.append("caretaker.command", command=command.kind, by=by, result=result)

    async def _pause(self, data: dict[str, Any], _: Command) -> str:
        if self._schedule.paused:
            return "was paused already"
        self._schedule.pause()
        self._journal.append("brain.paused", by=str(data.get("by", "caretaker")))
        return "paused; `genesis resume` goes on"

    async def _resume(self, data: dict[str, Any], _: Command) -> str:
        if not self._schedule.paused:
            return "was not paused"
        self._schedule.resume()
        self._journal.append("brain.resumed", by=str(data.get("by", "caretaker")))
        return "resumed"

    async def _say(self, data: dict[str, Any], _: Command) -> str:
        by = str(data.get("by") or "caretaker")
        if by.startswith("donor "):
            number = self._letters.receive("donor", by.removeprefix("donor "), str(data["text"]))
        else:
            number = self._letters.receive("caretaker", "caretaker", str(data["text"]))
        return f"left for its next beat, as letter {number}"

    async def _release_letter(self, data: dict[str, Any], _: Command) -> str:
        letter = self._letters.decide(int(data["id"]), release=True)
        return f"letter {letter.id} is released; the mind reads it at its next beat"

    async def _refuse_letter(self, data: dict[str, Any], _: Command) -> str:
        return f"letter {self._letters.decide(int(data['id']), release=False).id} is refused"

    async def _topup(self, data: dict[str, Any], command: Command) -> str:
        amount = exact_nanos(str(data["amount"]))
        if not 0 < amount <= TOPUP_AT_MOST_NANOS:
            raise Refusal(f"${usd9(amount)} cannot be added; give an amount above 0 and up to 10,000 dollars")
        donor = str(data.get("from", "caretaker"))
        topup_id = str(data.get("id") or f"topup/{command.token}")
        known = await self._tracker.was_given(topup_id)
        balance = await self._tracker.topup(amount, donor, topup_id)
        how = "had been added before, and was not added again" if known else "added"
        return f"{dollars(amount)} from {donor} {how}; {dollars(balance.available)} available"

    async def _settle(self, data: dict[str, Any], _: Command) -> str:
        call_id, cost, reason = str(data["call"]), exact_nanos(str(data["cost"])), str(data["reason"]).strip()
        if not reason:
            raise Refusal("no reason was given; say why the charge is settled like this")
        before = await self._tracker.call(call_id)
        if before is None:
            raise Refusal(f"there is no call {call_id}; `genesis settle` lists the charges above what was held")
        balance = await self._tracker.settle_disputed(call_id, cost, f"{data.get('by', 'caretaker')}: {reason}")
        return (
            f"call {call_id} is settled at ${usd9(cost)} instead of ${usd9(before.cost or 0)}; "
            f"${usd9(balance.available)} available"
        )

    async def _kill(self, data: dict[str, Any], _: Command) -> str:
        cause = str(data.get("cause", "")).strip()
        if not cause:
            raise Refusal("no cause was given; say why this life ends")
        life = self._lives.current()
        if life is not None and data.get("life", life.number) != life.number:
            raise Refusal(f"life #{data['life']} has ended already")
        if not await self._lives.die(cause, self._ask, self._announce) or life is None:
            raise Refusal("nobody lives right now")
        return f"life #{life.number} ({life.name}) has ended"

    async def _run(self, data: dict[str, Any], _: Command) -> str:
        beats = int(data["beats"])
        if self._schedule.paused:
            raise Refusal("the mind is paused; `genesis resume` lets it live again")
        if not 1 <= beats <= BEATS_AT_MOST:
            raise Refusal(f"{beats} beats cannot be run; give 1 to {BEATS_AT_MOST}")
        self.beats_asked += beats
        return f"{beats} beat{'s' if beats != 1 else ''} will be lived now"

    async def _approve(self, data: dict[str, Any], _: Command) -> str:
        return _decided(self._outbox.approve(int(data["id"])), "released")

    async def _refuse(self, data: dict[str, Any], _: Command) -> str:
        return _decided(self._outbox.refuse(int(data["id"])), "refused")

    async def _reconcile(self, data: dict[str, Any], _: Command) -> str:
        gap = data.get("gap")
        found = await self._reconciler.reconcile(gap_nanos=None if gap is None else nanos(str(gap)))
        return json.dumps(reconciliation_json(found))

    async def _forget(self, data: dict[str, Any], _: Command) -> str:
        life, number = self._living(), int(data["memory"])
        if not life.memory.forget(number, by=str(data.get("by", "caretaker"))):
            raise Refusal(f"life #{life.number} has no memory {number}; find one with: genesis memory search WORDS")
        return f"memory {number} of life #{life.number} is forgotten"

    async def _restore_self(self, data: dict[str, Any], _: Command) -> str:
        life, version = self._living(), int(data["version"])
        page = life.restore_self(version, by=str(data.get("by", "caretaker")))
        return f"version {version} stands again, as version {page.version}"

    async def _unbar(self, data: dict[str, Any], _: Command) -> str:
        model_id = str(data["model"])
        if not self._health.unbar(model_id):
            barred = [health.subject for health in self._health.snapshot().values() if health.barred is not None]
            raise Refusal(f"{model_id} is not barred for a bill; barred so are: {', '.join(barred) or 'none'}")
        self._journal.append("model.unbarred", model=model_id, by=str(data.get("by", "caretaker")))
        return f"{model_id} may be asked again"

    def _living(self) -> Life:
        life = self._lives.current()
        if life is None:
            raise Refusal("nobody lives right now")
        return life

    async def _sign_in(self, data: dict[str, Any], _: Command) -> str:
        return f"{data.get('by', 'caretaker')} signed in"


def _is_owed(command: Command, error: StoreUnavailable) -> bool:
    """Say whether a command is tried again: money that a payment service told of, or that may be booked already."""
    return command.kind == "topup" and (error.outcome_unknown or "id" in command.data)


def _decided(outcome: Post | PostRefusal, verdict: str) -> str:
    if isinstance(outcome, PostRefusal):
        raise Refusal(outcome.reason)
    return f"post {outcome.id} {verdict}"

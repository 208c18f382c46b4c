"""A second ledger in plain Python beside the real one, and Hypothesis looking for a step at which they differ.

`LEDGER_EXAMPLES=2000 pytest tests/ledger/test_ledger_model.py` searches longer and at random; what it finds, it
prints as steps to replay. Without it the same examples run each time.
"""

import os
import uuid

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from ai.ledger import Leg, audit, open_ledger
from ai.ledger.errors import (
    HoldEnded,
    InsufficientFunds,
    InvalidTransfer,
    LedgerError,
    TransferConflict,
    UnknownAccount,
    UnknownHold,
)

ACCOUNTS = ("treasury", "month", "day", "overrun", "posts", "quota")  # some are in another unit, one never opened
UNITS = {"treasury": "usd", "month": "usd", "day": "usd", "overrun": "usd", "posts": "posts"}
NEGATIVE = {"treasury", "overrun"}

ids = st.sampled_from("abcdefgh")  # few, so that ids meet again
accounts = st.sampled_from(ACCOUNTS)
money = st.sampled_from(["treasury", "month", "day", "overrun"])
amounts = st.integers(0, 60) | st.sampled_from([-1, 10**18, 10**18 + 1])
legs = st.lists(st.tuples(money | accounts, money | accounts, st.integers(0, 40)), min_size=1, max_size=4)
memos = st.sampled_from(["", "", "", "other"])


class Model:
    """The ledger's promises in the plainest words: two dictionaries, every balance added up anew."""

    def __init__(self):
        self.posts = {}  # id → (debit, credit, amount, memo)
        self.holds = {}  # id → (legs, memo, None or "void" or the amounts captured)

    def counters(self, account):
        sums = [0, 0, 0, 0]  # debits pending and posted, credits pending and posted
        moves = [(debit, credit, 0, amount) for debit, credit, amount, _ in self.posts.values()]
        for hold_legs, _, end in self.holds.values():
            for n, (debit, credit, amount) in enumerate(hold_legs):
                pending = amount if end is None else 0
                moves.append((debit, credit, pending, end[n] if isinstance(end, tuple) else 0))
        for debit, credit, pending, posted in moves:
            for side, name in ((0, debit), (2, credit)):
                if name == account:
                    sums[side] += pending
                    sums[side + 1] += posted
        return sums

    def funds(self, account):
        debits_pending, debits_posted, _, credits_posted = self.counters(account)
        return credits_posted - debits_posted - debits_pending

    def refusal(self, hold_legs):
        """Return what forbids the legs together, or None."""
        named = [account for leg in hold_legs for account in leg[:2]]
        if any(debit == credit for debit, credit, _ in hold_legs):
            return InvalidTransfer
        if any(account not in UNITS for account in named):
            return UnknownAccount
        if any(UNITS[debit] != UNITS[credit] for debit, credit, _ in hold_legs):
            return InvalidTransfer
        for account in named:
            needed = sum(amount for debit, _, amount in hold_legs if debit == account)
            if account not in NEGATIVE and needed > 0 and self.funds(account) < needed:
                return InsufficientFunds
        return None


class Ledgers(RuleBasedStateMachine):
    """The steps; each asks the model first what must happen."""

    ledger = None  # set by the test: one purse for all examples, each with its own accounts in it

    def __init__(self):
        super().__init__()
        self.model = Model()
        self.prefix = uuid.uuid4().hex[:12] + ":"
        for account, unit in UNITS.items():
            self.ledger.transact_now(
                lambda tx, a=account, u=unit: tx.open_account(self.prefix + a, u, may_go_negative=a in NEGATIVE)
            )

    def real_legs(self, hold_legs):
        return [Leg(self.prefix + debit, self.prefix + credit, amount) for debit, credit, amount in hold_legs]

    def do(self, work, expected):
        """Run `work`; it must raise exactly the expected error, or none."""
        if expected is None:
            return self.ledger.transact_now(work)
        with pytest.raises(LedgerError) as caught:
            self.ledger.transact_now(work)
        assert type(caught.value) is expected
        return None

    @rule(amount=st.integers(0, 100), to=money)
    def grant(self, amount, to):
        self.transfer(f"grant{len(self.model.posts)}", "treasury", to, amount, "")

    @rule(key=ids, debit=accounts, credit=accounts, amount=amounts, memo=memos)
    def transfer(self, key, debit, credit, amount, memo):
        def work(tx):
            return tx.transfer(
                self.prefix + key,
                debit=self.prefix + debit,
                credit=self.prefix + credit,
                amount=amount,
                memo=memo,
            )

        if not 0 <= amount <= 10**18 or debit == credit:
            self.do(work, InvalidTransfer)
        elif key in self.model.posts:
            same = self.model.posts[key] == (debit, credit, amount, memo)
            self.do(work, None if same else TransferConflict)
        else:
            refused = self.model.refusal([(debit, credit, amount)])
            if refused is None and max(map(sum, map(self.model.counters, UNITS))) + amount >= 2**62:
                return  # beyond what 64 bits count; another test's matter
            self.do(work, refused)
            if refused is None:
                self.model.posts[key] = (debit, credit, amount, memo)

    @rule(key=ids, hold_legs=legs, memo=memos)
    def hold(self, key, hold_legs, memo):
        if key in self.model.holds:
            stored = self.model.holds[key]
            same = [list(leg) for leg in stored[0]] == [list(leg) for leg in hold_legs] and stored[1] == memo
            invalid = any(debit == credit for debit, credit, _ in hold_legs)
            refused = InvalidTransfer if invalid else None if same else TransferConflict
        else:
            refused = self.model.refusal(hold_legs)
        self.do(lambda tx: tx.hold(self.prefix + key, self.real_legs(hold_legs), memo=memo), refused)
        if refused is None and key not in self.model.holds:
            self.model.holds[key] = (hold_legs, memo, None)

    @rule(key=ids, below=st.lists(st.integers(0, 3), min_size=4, max_size=4), odd=st.sampled_from([0] * 8 + [1]))
    def capture(self, key, below, odd):
        """Capture at the hold (below = 0), below it, or with a leg too many (odd)."""
        if key not in self.model.holds:
            self.do(lambda tx: tx.capture(self.prefix + key, [0]), UnknownHold)
            return
        hold_legs, memo, end = self.model.holds[key]
        taken = [max(0, leg[2] - less) for leg, less in zip(hold_legs, below, strict=False)] + [0] * odd
        expected = None
        if odd:
            expected = InvalidTransfer
        elif end is not None and end != tuple(taken):
            expected = HoldEnded
        self.do(lambda tx: tx.capture(self.prefix + key, taken), expected)
        if expected is None:
            self.model.holds[key] = (hold_legs, memo, tuple(taken))

    @rule(key=ids, above=st.integers(1, 5))
    def capture_above(self, key, above):
        """More than was held is never captured, even where the account has it."""
        if key in self.model.holds and self.model.holds[key][2] is None:
            taken = [leg[2] + above for leg in self.model.holds[key][0]]
            self.do(lambda tx: tx.capture(self.prefix + key, taken), InvalidTransfer)

    @rule(key=ids)
    def void(self, key):
        if key not in self.model.holds:
            self.do(lambda tx: tx.void(self.prefix + key), UnknownHold)
            return
        hold_legs, memo, end = self.model.holds[key]
        expected = None if end in {None, "void"} else HoldEnded
        self.do(lambda tx: tx.void(self.prefix + key), expected)
        if expected is None:
            self.model.holds[key] = (hold_legs, memo, "void")

    @rule(account=st.sampled_from(sorted(UNITS)), unit=st.sampled_from(["usd", "posts"]), negative=st.booleans())
    def open_again(self, account, unit, negative):
        same = unit == UNITS[account] and negative == (account in NEGATIVE)
        self.do(
            lambda tx: tx.open_account(self.prefix + account, unit, may_go_negative=negative),
            None if same else TransferConflict,
        )

    @rule(key=ids, amount=st.integers(1, 20))
    def change_of_mind(self, key, amount):
        """What a work did before it raised is undone."""

        def work(tx):
            tx.transfer(
                self.prefix + "undone", debit=self.prefix + "treasury", credit=self.prefix + "day", amount=amount
            )
            tx.hold(self.prefix + "undone", [Leg(self.prefix + "treasury", self.prefix + "month", amount)])
            tx.void(self.prefix + "undone")
            raise UnknownHold(key)

        self.do(work, UnknownHold)

    @invariant()
    def every_counter_is_equal(self):
        def counters(tx):
            found = (tx.account(self.prefix + account) for account in UNITS)
            return [[a.debits_pending, a.debits_posted, a.credits_pending, a.credits_posted] for a in found]

        assert self.ledger.read_now(counters) == [self.model.counters(account) for account in UNITS]

    def teardown(self):
        def open_holds(tx):
            return tx.execute(
                "SELECT count(*) FROM transfers AS h WHERE h.kind = 'hold' AND h.id LIKE ? AND NOT EXISTS "
                "(SELECT 1 FROM transfers AS e WHERE e.hold = h.id)",
                (self.prefix + "%",),
            )[0][0]

        still = sum(len(hold_legs) for hold_legs, _, end in self.model.holds.values() if end is None)
        assert self.ledger.read_now(open_holds) == still


def test_the_ledger_does_what_its_model_does(store_url):
    ledger = open_ledger(store_url, lambda: 1)

    class OnThisStore(Ledgers):
        pass

    OnThisStore.ledger = ledger
    examples = os.environ.get("LEDGER_EXAMPLES")
    share = 1 if store_url.startswith("sqlite") else 3  # a server's round trips take their time
    run_state_machine_as_test(
        OnThisStore,
        settings=settings(
            max_examples=int(examples or min(36, settings().max_examples) // share),
            stateful_step_count=40,
            derandomize=examples is None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
    report = ledger.read_now(audit)
    ledger.close()
    assert report.ok, report.mismatches

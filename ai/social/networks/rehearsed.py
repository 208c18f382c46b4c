"""A network that is none: it takes every post at X's price and by X's rules, and nothing leaves the house."""

from ai.clock import Clock
from ai.settings import Settings
from ai.social.network import Answer, Draft, Result
from ai.social.networks.x import X


class RehearsedX:
    """X as far as a purse can tell."""

    name = "x"
    title = "X"

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._rules = X(settings, clock)
        self.posted = 0

    def problem(self, text: str) -> str | None:
        """Return what X would not take."""
        return self._rules.problem(text)

    def price_nanos(self, text: str) -> int:
        """Return what X charges."""
        return self._rules.price_nanos(text)

    def look_nanos(self, _page: str | None) -> int:
        """Nothing is ever in doubt here."""
        return 0

    def learn(self) -> None:
        """There is nothing to learn."""

    def post(self, draft: Draft) -> Answer:
        """Take the post."""
        self.posted += 1
        return Answer(Result.DONE, remote_id=f"rehearsed-{draft.post_id}")

    def look(self, draft: Draft, _page: str | None) -> Answer:
        """Return that it is there: every post is taken."""
        return Answer(Result.DONE, remote_id=f"rehearsed-{draft.post_id}")

    def check(self) -> Answer:
        """Return that all is well."""
        return Answer(Result.DONE)

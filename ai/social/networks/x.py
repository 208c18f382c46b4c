"""X: four keys (OAuth 1.0a), a price for each post and each read, no idempotency key; asked through its timeline."""

from functools import cached_property
from typing import TYPE_CHECKING

from ai.clock import Clock
from ai.ledger.money import nanos
from ai.settings import X_KEYS, Settings
from ai.social.network import Answer, Draft, Result
from ai.social.networks.x_text import MAX_WEIGHT, has_link, mention, same_post, weighted_length

if TYPE_CHECKING:
    from ai.social.networks.x_client import Timeline, XClient

PAGE_POSTS = 5  # what a page of the timeline has at most: the least that X gives
USER_READ_FACTOR = 2  # reading a user costs $0.010, twice a post (X's price list, 2026)
MAX_PAGES = 3  # of the timeline, before it is too busy to tell


class X:
    """X for one account; `client` stands in for the one that the settings' keys open."""

    name = "x"
    title = "X"

    def __init__(self, settings: Settings, clock: Clock, client: "XClient | None" = None) -> None:
        self._settings = settings
        self._clock = clock
        self._given = client

    @cached_property
    def _client(self) -> "XClient":
        if self._given is not None:
            return self._given
        from ai.social.networks.x_client import XClient  # noqa: PLC0415 - 8 MB that a dry run never needs

        keys = {name: getattr(self._settings, name).get_secret_value() for name in X_KEYS}
        return XClient(keys, self._settings.x_api_base_url, self._clock)

    def problem(self, text: str) -> str | None:
        """Return what X would not take: more than 280 weighted characters, or the name of somebody."""
        weight, named = weighted_length(text), mention(text)
        if weight > MAX_WEIGHT:
            return f"the post counts {weight:,} and X takes {MAX_WEIGHT} (emoji count 2, links 23); shorten it"
        if named is not None:
            return f"X may refuse a program's post that names others; write {named[1:]!r} without @"
        return None

    def price_nanos(self, text: str) -> int:
        """Return what X charges for this text; in doubt about a link, the dearer price."""
        return nanos(self._settings.tweet_with_url_price_usd if has_link(text) else self._settings.tweet_price_usd)

    def look_nanos(self, page: str | None) -> int:
        """Return the price of reading a user where nobody knows yet whose keys these are, else of a page of posts."""
        who = page is None and self._client.user_id is None
        return (USER_READ_FACTOR if who else PAGE_POSTS) * nanos(self._settings.tweet_read_price_usd)

    def learn(self) -> None:
        """X tells no rules."""

    def post(self, draft: Draft) -> Answer:
        """Publish a post."""
        return self._client.post(draft.text)

    def look(self, draft: Draft, page: str | None) -> Answer:
        """Read whose keys these are, or a page of the timeline from the newest id known before the first sending."""
        user = self._client.user_id
        if user is None:
            return self._whose()
        number, _, token = (page or "").partition(" ")
        found = self._client.timeline(user, since_id=draft.after_id, page=token or None)
        if isinstance(found, Answer):
            return found
        price = nanos(self._settings.tweet_own_read_price_usd)
        read = tuple((f"x/{seen.id}", price) for seen in found.posts)
        return self._judge(draft, found, int(number or 0) + 1, read)

    def check(self) -> Answer:
        """Ask whether the keys may post; X charges nothing for it."""
        return self._client.check()

    def _whose(self) -> Answer:
        answer = self._client.me()
        if answer.result is not Result.DONE or answer.remote_id is None:
            return answer
        self._client.user_id = answer.remote_id
        price = USER_READ_FACTOR * nanos(self._settings.tweet_read_price_usd)
        return Answer(Result.DONE, next_page="0 ", read=((f"x/user/{answer.remote_id}", price),))

    def _judge(self, draft: Draft, found: "Timeline", pages: int, read: tuple[tuple[str, int], ...]) -> Answer:
        ours = next((seen.id for seen in found.posts if same_post(draft.text, seen.text)), None)
        oldest = min((seen.created_at for seen in found.posts if seen.created_at), default=None)
        if ours is not None or found.next_page is None or draft.past_it(oldest):
            return Answer(Result.DONE, remote_id=ours, detail="X's timeline does not have it", read=read)
        if pages >= MAX_PAGES:
            return Answer(Result.UNKNOWN, detail="the timeline is too busy to tell", read=read)
        return Answer(Result.DONE, next_page=f"{pages} {found.next_page}", read=read)


def open_network(settings: Settings, clock: Clock) -> X:
    """Return X with the settings' keys."""
    return X(settings, clock)

"""What the outbox takes, and the one line it gives where it does not."""

from datetime import timedelta

import pytest

from ai.ledger.money import nanos
from ai.memory.similarity import NearSame
from ai.settings import X_KEYS
from ai.social import Outbox, PostRefusal, PostState, open_networks
from tests.social.conftest import Rooms
from tests.world.x import KEYS, SUSPENDED


async def refusal(outbox: Outbox, text: str, **given: object) -> str:
    answer = await outbox.queue(text, **({"source": "action", "life": 1} | given))
    assert isinstance(answer, PostRefusal), answer
    assert "\n" not in answer.reason
    return answer.reason


@pytest.mark.parametrize("text", ["", "  \n ", "\u200b", "\x00\x07", "\ufeff"])
async def test_an_empty_post_is_no_post(rooms: Rooms, text: str) -> None:
    assert "empty" in await refusal(await rooms.outbox(), text)


async def test_280_is_the_end_and_the_refusal_says_what_counts(rooms: Rooms) -> None:
    outbox = await rooms.outbox()
    assert "counts 281" in await refusal(outbox, "a" * 281)
    assert "counts 282" in await refusal(outbox, "🙂" * 141)
    assert (await outbox.queue("🙂" * 140, source="action", life=1)).state is PostState.QUEUED


async def test_the_same_words_are_not_said_twice_in_a_life_or_another(rooms: Rooms) -> None:
    outbox = await rooms.outbox()
    await rooms.say(outbox, "The rain is back.")
    assert "same" in await refusal(outbox, "the rain is back!!")
    assert "same" in await refusal(outbox, "The rain is back.", source="death", life=2)


async def test_a_birth_queued_again_is_the_same_post(rooms: Rooms) -> None:
    outbox = await rooms.outbox()
    first = await outbox.queue("I am Ada, and I am here.", source="birth", life=1)
    again = await outbox.queue("I am Ada, and I am here.", source="birth", life=1)
    assert first == again
    assert len(outbox.posts()) == 1


async def test_a_wish_near_to_one_of_the_last_hundred_posts_is_refused(rooms: Rooms) -> None:
    outbox = await rooms.outbox(tweets="dry-run", tweets_per_day=1000, near=NearSame(None))
    words = ["rain", "snow", "moss", "fern", "lamp", "door", "salt", "glass", "wind", "stone"]
    for n in range(104):
        text = f"{words[n % 10]} {words[n // 11]} {chr(97 + n % 26) * 9} and {n * 7919}"
        await outbox.queue(text, source="birth", life=n)
        await outbox.deliver_due()
        rooms.clock.advance(3600)
    assert "nearly the same" in await refusal(outbox, f"{text}, yes")
    first = await outbox.queue("rain rain aaaaaaaaa and 0, yes", source="action", life=1)
    assert first.state is PostState.QUEUED


async def test_likeness_may_be_judged_by_meaning(rooms: Rooms) -> None:
    async def by_meaning(text: str, others: list[str]) -> str | None:
        return next((other for other in others if "rain" in other and "wet" in text), None)

    outbox = await rooms.outbox(tweets="dry-run", near=by_meaning)
    await rooms.say(outbox, "It will rain.")
    assert "nearly the same" in await refusal(outbox, "We are going to be wet.")


async def test_a_wish_waits_for_the_gap_and_the_day(rooms: Rooms) -> None:
    outbox = await rooms.outbox(tweets="dry-run", tweet_min_gap_seconds=3600, tweets_per_day=2)
    await rooms.say(outbox, "One.")
    assert "2026-11-10 10:00 UTC" in await refusal(outbox, "Another.")
    rooms.clock.advance(3600)
    await rooms.say(outbox, "Another.")
    rooms.clock.advance(3600)
    assert "2026-11-11 00:00 UTC" in await refusal(outbox, "A third thing.")


async def test_no_posts_a_day_means_none(rooms: Rooms) -> None:
    outbox = await rooms.outbox(tweets="dry-run", tweets_per_day=0)
    assert "TWEETS_PER_DAY=0" in await refusal(outbox, "Hello.")


async def test_a_wish_that_cannot_be_paid_is_refused_with_the_price(rooms: Rooms) -> None:
    outbox = await rooms.outbox(monthly_budget_usd="0.1")
    assert "$0.200000000" in await refusal(outbox, "Look at example.com")
    assert (await outbox.queue("No link.", source="action", life=1)).price_nanos == nanos("0.015")


async def test_one_wish_waits_at_a_time(rooms: Rooms) -> None:
    outbox = await rooms.outbox(tweets="approve")
    await rooms.say(outbox, "May I say this?")
    assert "waits for a person" in await refusal(outbox, "And that?")


async def test_the_outbox_has_an_end(rooms: Rooms) -> None:
    outbox = await rooms.outbox(tweets="approve")
    for n in range(20):
        assert not isinstance(await outbox.queue(f"birth {n}", source="birth", life=n), PostRefusal)
    assert "20 posts wait" in await refusal(outbox, "one more", source="birth")


async def test_a_secret_of_ours_is_never_posted(rooms: Rooms) -> None:
    outbox = await rooms.outbox()
    await refusal(outbox, f"my key is {KEYS['x_api_secret']}", source="birth")
    reason = await refusal(outbox, f"my key is {KEYS['x_api_secret']}")
    assert "secret" in reason
    assert KEYS["x_api_secret"] not in reason
    written = " ".join(str(event.data) for event in rooms.journal.after(0))
    assert KEYS["x_api_secret"] not in written


def test_live_posting_needs_all_keys_and_says_which(rooms: Rooms) -> None:
    settings = rooms.settings()
    assert settings.missing_network_keys() is None
    bare = settings.model_copy(update=dict.fromkeys(X_KEYS[1:]))
    assert bare.missing_network_keys() == (
        "TWEETS=live needs X_API_SECRET, X_ACCESS_TOKEN, X_ACCESS_TOKEN_SECRET; or set TWEETS=dry-run"
    )
    with pytest.raises(ValueError, match="X_API_SECRET"):
        open_networks(bare, rooms.clock)
    rules = open_networks(bare.model_copy(update={"tweets": "dry-run"}), rooms.clock)
    assert [network.name for network in rules] == ["x"]
    assert [network.name for network in open_networks(settings, rooms.clock)] == ["x"]


async def test_an_outbox_without_a_network_is_a_mistake_of_the_builder(rooms: Rooms) -> None:
    with pytest.raises(ValueError, match="open_networks"):
        Outbox(rooms.mind, await rooms.tracker(), rooms.journal, rooms.clock, rooms.settings(), [])


async def test_a_wish_that_wastes_scarce_money_is_refused_but_a_birth_is_told(rooms: Rooms) -> None:
    async def nothing_is_worth_it(price_nanos: int, *, appeal: float) -> bool:
        assert (price_nanos, appeal) == (15_000_000, 4.0)
        return False

    outbox = await rooms.outbox(worth=nothing_is_worth_it)
    assert "does more as thoughts" in await refusal(outbox, "Hello.")
    assert (await rooms.say(outbox, "I was born.", source="birth")).state is PostState.POSTED
    dry = await rooms.outbox(tweets="dry-run", worth=nothing_is_worth_it)
    assert (await rooms.say(dry, "For the house.")).state is PostState.DRY_RUN


async def test_the_mind_is_not_asked_for_a_post_that_would_be_refused(rooms: Rooms) -> None:
    outbox = await rooms.outbox()
    now = rooms.clock.now()
    assert outbox.next_at(now) <= now
    rooms.x.then(SUSPENDED)
    await rooms.say(outbox, "I was born.", source="birth")
    assert timedelta(days=1) <= outbox.next_at(now) - now < timedelta(days=1, seconds=1)
    assert "suspended" in await refusal(outbox, "Hello.")
    approving = await rooms.outbox(tweets="approve", x_api_key="another-key")
    now = rooms.clock.now()
    assert approving.next_at(now) <= now
    await rooms.say(approving, "May I?")
    assert approving.next_at(now) == now + timedelta(hours=1)

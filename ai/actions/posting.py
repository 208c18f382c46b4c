"""Saying something to the world."""

from pydantic import Field

from ai.actions.action import Action, Params, Refused
from ai.actions.context import ActionContext
from ai.social.post import PostRefusal

SHOWN_CHARS = 280  # what the model is told: the least that any network takes, so that a post reaches all of them
MAX_TEXT_CHARS = 1_000  # of raw characters; what counts is each network's own length, which the outbox checks and names


class PostText(Params):
    """What to say."""

    # what is checked here leaves room for links, which count 23 each, and for networks that take more
    text: str = Field(min_length=1, max_length=MAX_TEXT_CHARS, json_schema_extra={"maxLength": SHOWN_CHARS})


async def post_tweet(params: PostText, context: ActionContext) -> str:
    """Queue a post, try to deliver it now, and return what became of it."""
    post = await context.outbox.queue(params.text, source="action", life=context.life, beat=context.beat)
    if isinstance(post, PostRefusal):
        raise Refused(post.reason)
    await context.outbox.deliver_due()
    return (context.outbox.post(post.id) or post).told()


ACTIONS = (
    Action(
        "post_tweet",
        PostText,
        post_tweet,
        "say something to the world; it costs",
        memory=lambda params, result: f"I said to the world: “{params.text}” ({result})",
    ),
)

"""A webhook: each post as JSON to a person's own address, signed as Standard Webhooks asks."""

import json

from ai.clock import Clock, rfc3339
from ai.settings import Settings
from ai.signing import standard_headers
from ai.social.network import Answer, Draft, FreeNetwork, Result
from ai.social.networks.web import Web


class PostWebhook(FreeNetwork):
    """One address. It cannot be asked what it has: the same message id at every attempt is how it knows a repeat."""

    name = "webhook"
    title = "the webhook"

    def __init__(self, settings: Settings, clock: Clock, web: Web | None = None) -> None:
        self._settings = settings
        self._clock = clock
        self._web = web or Web(self.title, "POST_WEBHOOK_URL", clock)

    def problem(self, text: str) -> str | None:  # noqa: ARG002 - it takes what any other network takes
        """Return None: a webhook takes every text."""
        return None

    def post(self, draft: Draft) -> Answer:
        """POST `{"type": "post.published", "timestamp", "data": {"id", "text", "source", "life", "created_at"}}`."""
        secret, now = self._settings.post_webhook_secret, self._clock.now()
        data = {
            "id": draft.post_id,
            "text": draft.text,
            "source": draft.source,
            "life": draft.life,
            "created_at": rfc3339(draft.written_at),
        }
        document = {"type": "post.published", "timestamp": rfc3339(now), "data": data}
        body = json.dumps(document, ensure_ascii=False).encode()
        signature = standard_headers(secret.get_secret_value() if secret else "", message_id(draft), now, body)
        answer = self._web.ask(
            "POST",
            str(self._settings.post_webhook_url),
            headers=signature | {"Content-Type": "application/json"},
            content=body,
        )
        return answer if isinstance(answer, Answer) else Answer(Result.DONE, remote_id=message_id(draft))

    def look(self, draft: Draft, page: str | None) -> Answer:  # noqa: ARG002 - there is nothing to ask
        """Let it be sent again: under the same id it is no second post."""
        return Answer(Result.DONE, detail="a webhook takes the same id for the same post")

    def check(self) -> Answer:
        """Nothing is sent for a check: an address that takes posts would show it."""
        return Answer(Result.DONE, detail="is set; whether it takes posts shows with the first")


def message_id(draft: Draft) -> str:
    """Return the id of a post's message, the same at every attempt."""
    return f"post_{draft.key}"


def open_network(settings: Settings, clock: Clock) -> PostWebhook:
    """Return the webhook of the settings."""
    return PostWebhook(settings, clock)

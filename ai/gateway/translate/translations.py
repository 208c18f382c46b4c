"""The dialects that are told as chat, by their names."""

from ai.gateway.translate.completions import COMPLETIONS
from ai.gateway.translate.messages import MESSAGES_AS_CHAT
from ai.gateway.translate.responses import RESPONSES_AS_CHAT
from ai.gateway.translate.translation import Translation

TRANSLATIONS: dict[str, Translation] = {
    "completions": COMPLETIONS,
    "messages": MESSAGES_AS_CHAT,
    "responses": RESPONSES_AS_CHAT,
}

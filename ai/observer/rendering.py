"""The templates and what they may call: everything is escaped, an unknown name is an error, not an empty string."""

from jinja2 import Environment, PackageLoader, StrictUndefined

from ai.clock import parse_rfc3339
from ai.ledger.money import short_price
from ai.observer import money, words
from ai.observer.kinds import QUIET

TIERS = {
    "local": "local",
    "free": "free",
    "ultra_cheap": "ultra cheap",
    "cheap": "cheap",
    "premium": "premium",
    "post": "posts",
}
POST_STATES = {
    "queued": "queued",
    "awaiting_approval": "waits for approval",
    "sending": "being sent",
    "posted": "posted",
    "dry_run": "dry run, not sent",
    "unknown": "sent? being checked",
    "refused": "refused",
}

TEMPLATES = Environment(
    loader=PackageLoader("ai.observer", "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
TEMPLATES.filters.update(
    usd=money.usd,
    exact=money.exact,
    price=short_price,
    count=words.count,
    plural=words.plural,
    moment=words.moment,
    clock=words.clock,
    day=words.day,
    short=words.short_model,
    at=parse_rfc3339,
    sentence=money.sentence,
    meaning=words.meaning,
    tier=lambda name: TIERS.get(name, name or "–"),
    post_state=lambda name: POST_STATES.get(name, name),
)
TEMPLATES.globals.update(
    age=words.age,
    share=money.share,
    runway_words=money.runway_words,
    day_words=money.day_words,
    given=money.given,
    quiet=QUIET,
)

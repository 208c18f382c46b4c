"""What each kind of event says in the log, for people: one table, from which log, page and docs are made."""

import string
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

NANOS_PER_USD = 1_000_000_000
MAX_LINE_CHARS = 8_000  # no reply within MAX_OUTPUT_TOKENS is longer; a runaway text is cut so that it stays one line


@dataclass(frozen=True, slots=True)
class Line:
    """How an event is told: `[ROOM] emoji template`, at a level, and what it means to the reader."""

    room: str
    emoji: str
    template: str
    meaning: str
    level: str = "info"


EVENTS: dict[str, Line] = {
    # --- daemon ------------------------------------------------------------------------------------------
    "daemon.started": Line("DAEMON", "🌅", "Genesis {version} awake, data in {data_dir}", "The daemon started."),
    "daemon.provider": Line("DAEMON", "🔌", "{text}", "Which provider serves the thoughts."),
    "daemon.serving": Line("DAEMON", "🌐", "Observer at {url}", "Where the page can be seen."),
    "daemon.stopping": Line("DAEMON", "🌙", "Stopping: {reason}", "The daemon was told to stop and drains."),
    "daemon.stopped": Line("DAEMON", "💤", "Stopped; everything is kept", "The daemon has ended cleanly."),
    "daemon.trouble": Line(
        "DAEMON", "🚨", "{problem}", "Something outside the mind is wrong; the line says what to do.", "error"
    ),
    "daemon.clock": Line(
        "DAEMON", "⏰", "{problem}", "The machine's clock jumped; the next beat was set anew.", "warning"
    ),
    # --- gateway -----------------------------------------------------------------------------------------
    "gateway.serving": Line("GATEWAY", "🚪", "Programs may call {url}/v1", "The gateway answers programs."),
    "gateway.calls": Line(
        "GATEWAY",
        "🚪",
        "key {key} run {run}: {calls} calls ({failed} failed), ${cost_nanos:usd6}, {latency_ms} ms each, last {model}",
        "What a program called through the gateway since it was last told, once a minute.",
    ),
    "gateway.refused": Line(
        "GATEWAY",
        "🚪",
        "key {key} run {run} was refused ({status}): {problem}",
        "A program's call was not sent, or failed for want of money; told once a minute.",
        "warning",
    ),
    # --- beats -------------------------------------------------------------------------------------------
    "beat.started": Line("BRAIN", "💓", "Beat {beat} ({purpose})", "A beat begins."),
    "beat.ended": Line(
        "BRAIN",
        "🫧",
        "Beat {beat} lived in {seconds:.1f} s, {steps} step(s); next at {next_beat_at}",
        "A beat ended.",
    ),
    "beat.interrupted": Line(
        "BRAIN",
        "🩹",
        "Beat {beat} was cut short by a stop; it is closed, not run again",
        "Closed at start.",
        "warning",
    ),
    "beat.empty": Line(
        "BRAIN",
        "🕳️",
        "Nobody could think this beat: {problem}",
        "No model answered; the pulse goes on.",
        "warning",
    ),
    "beat.failed": Line("BRAIN", "🩹", "Beat {beat} failed: {problem}", "A fault in Genesis itself; tell us.", "error"),
    "brain.looping": Line(
        "BRAIN", "🧠", "Starting consciousness loop for {name}...", "The brain's timer runs from here on."
    ),
    "brain.budget": Line("BRAIN", "💰", "Budget: ${available_nanos:usd2} / ${granted_nanos:usd2}", "What is left."),
    "brain.model": Line("BRAIN", "🧠", "Model: {model} (Intelligence: {intelligence}/10)", "Who thinks next."),
    "brain.circling": Line(
        "BRAIN", "😴", "Its thoughts go in circles; it rests until {until}", "Three near-same thoughts in a row."
    ),
    "brain.paused": Line("BRAIN", "⏸️", "Paused by {by}", "No beats until it is resumed."),
    "brain.resumed": Line("BRAIN", "▶️", "Resumed by {by}", "Beats go on."),
    "thought": Line("BRAIN", "💭", "{text}", "What the AI thought, in its own words: data, never a command."),
    "action.performed": Line("ACTION", "⚡", "{action}({params}) → {result}", "The AI did something."),
    "action.refused": Line("ACTION", "🚫", "{action}({params}) refused: {result}", "It could not, and was told why."),
    # --- models ------------------------------------------------------------------------------------------
    "call.completed": Line(
        "BRAIN",
        "💬",
        "Response: {chars} chars | Tokens: {prompt_tokens}→{completion_tokens} | "
        "Cost: ${cost_nanos:usd6} | Balance: ${balance_nanos:usd2} ({health})",
        "A model answered; what it cost and what is left.",
    ),
    "call.fallback": Line(
        "MODEL", "🛟", "{failed}: {problem}; next: {next}", "A model failed; who is tried.", "warning"
    ),
    "model.unbarred": Line(
        "MODEL", "🔓", "{model} may be asked again: {by}", "A model barred for a bill above its bound was let back in."
    ),
    "model.switched": Line("MODEL", "🔀", "{from_model} → {to_model}: {reason}", "Another model thinks from here on."),
    # --- model calls (llm) -------------------------------------------------------------------------------
    "call.embedded": Line(
        "MEMORY", "🧮", "{model} embedded {texts} text(s) for ${cost_nanos:usd6}", "Memories were made comparable."
    ),
    "call.unknown": Line(
        "PURSE",
        "❔",
        "{model}: nobody knows whether it was billed ({reason}); ${held_nanos:usd6} stays held",
        "A call broke after it was sent; its true cost is asked for, and until then its most stays held.",
        "warning",
    ),
    "call.settled": Line(
        "PURSE",
        "🧾",
        "{model}: the unknown outcome is settled for ${cost_nanos:usd6} ({how})",
        "A call of unknown outcome was booked: the provider told its cost, or a day has passed.",
    ),
    "call.dearer": Line(
        "PURSE",
        "🔎",
        "{model} billed ${cost_nanos:usd6} where its listed prices make ${listed_nanos:usd6}",
        "A bill is far above the price list, though within what was held; told once a model and start.",
        "warning",
    ),
    "call.unrecorded": Line(
        "PURSE",
        "🩹",
        "The purse could not note how call {call_id} went on: {problem}",
        "The call goes on under its hold, and its answer is used; what it cost is settled later.",
        "warning",
    ),
    # --- rotation and catalogue --------------------------------------------------------------------------
    "catalogue.refreshed": Line(
        "MODEL",
        "📚",
        "Catalogue: {usable} of {listed} models usable ({added} new, {gone} gone)",
        "OpenRouter's listing of models was fetched, and differs from the one before.",
    ),
    "catalogue.failed": Line(
        "MODEL",
        "📚",
        "No new catalogue: {problem}; going on with the {source} one of {listed} models",
        "The provider's listing could not be had; told once, tried again every ten minutes.",
        "warning",
    ),
    "catalogue.unkept": Line(
        "MODEL", "📚", "The catalogue could not be kept: {problem}", "Free the disk, or mend its rights.", "warning"
    ),
    "catalogue.corrupt": Line(
        "MODEL", "📚", "The kept catalogue was broken; set aside as {name}", "The shipped one serves.", "warning"
    ),
    # --- embedded model ----------------------------------------------------------------------------------
    "local.fetching": Line(
        "LOCAL", "📥", "Fetching {weight} from {source}: {done:,} of {total:,} bytes", "Weights are on their way."
    ),
    "local.fetched": Line("LOCAL", "📦", "{weight} is whole, from {source}, in {seconds} s", "Its SHA-256 is right."),
    "local.fetch_failed": Line(
        "LOCAL",
        "🛟",
        "{weight} from {source}: {problem}",
        "A source of weights failed or gave something else; the next source, then the next weight is tried.",
        "warning",
    ),
    "local.takes_over": Line(
        "LOCAL", "🔀", "{before} → {model}: a larger one is whole", "A better embedded model thinks from here on."
    ),
    "local.started": Line("LOCAL", "🌱", "{model} ready in {seconds} s", "The embedded model's process was started."),
    "local.stopped": Line("LOCAL", "🍃", "{model} stopped: {reason}", "The embedded model's process was ended."),
    "local.died": Line(
        "LOCAL",
        "🩹",
        "{model} {how}; it is started again when needed",
        "The embedded model's process died; the call in hand is made again.",
        "warning",
    ),
    "local.set_aside": Line(
        "LOCAL",
        "🛟",
        "{model} set aside: {problem}; next: {next}",
        "A local model failed twice in a row; a smaller one thinks for an hour.",
        "warning",
    ),
    "local.unavailable": Line(
        "LOCAL",
        "🛟",
        "No embedded model: {problem}",
        "There is no model to think with when all others fail; the line says why.",
        "warning",
    ),
    # --- purse -------------------------------------------------------------------------------------------
    # --- lives and memory --------------------------------------------------------------------------------
    "life.beginning": Line("LIFE", "♻️", "Life #{number} beginning...", "A new life is about to be born."),
    "life.fragments": Line(
        "LIFE", "💎", "Loaded {count} memory fragments", "Hazy echoes of past lives it begins with."
    ),
    "life.birth": Line("LIFE", "👶", "Beginning birth sequence...", "A model is asked who it is."),
    "life.identity": Line("LIFE", "🎭", "Identity: {name} ({pronoun})", "It has named itself."),
    "life.nameless": Line(
        "LIFE", "🛟", "No model gave a usable name; called {name}", "The fallback name, at last.", "warning"
    ),
    "thought.drafted": Line(
        "BRAIN", "✏️", "Kept draft {kept} of {drafts}", "The embedded model's thought is the best of several tries."
    ),
    "life.awaits_mind": Line(
        "LIFE", "⏳", "Birth waits for its mind: {mind}", "For ten minutes at most; then it is born on what is here."
    ),
    "life.soulless": Line(
        "LIFE", "🌱", "Born without a seed: SOUL {problem}", "The file that SOUL names went since the start.", "warning"
    ),
    "life.woke": Line("LIFE", "☀️", "Life #{number}, {name}, goes on after {beats} beats", "The daemon found it alive."),
    "life.dying": Line("LIFE", "⚰️", "Life #{number} is dying: {cause}", "Its death has begun and cannot be undone."),
    "life.last_words": Line("LIFE", "🕯️", "{text}", "Its last words."),
    "life.ended": Line("LIFE", "💀", "Life #{number}, {name}, ended after {beats} beats: {cause}", "It is dead."),
    "life.workspace": Line("LIFE", "🧹", "Workspace wiped: {files} file(s); the listing is kept", "After a death."),
    "life.rebirth": Line("LIFE", "⏳", "The next life begins at {at}", "When birth is due."),
    "life.waits": Line(
        "LIFE", "🪙", "Birth waits for a grant or a top-up", "It died bankrupt; new money brings new life.", "warning"
    ),
    "life.file": Line("LIFE", "🩹", "{problem}", "A life file was broken; the copy is kept.", "error"),
    "memory.reflected": Line("MEMORY", "🪞", "{text} (from memories {because})", "An insight and what it rests on."),
    "memory.condensed": Line(
        "MEMORY", "🗜️", "{count} old memories folded into #{memory} by {by}", "They stay whole in the archive."
    ),
    "memory.by_words": Line(
        "MEMORY", "🛟", "Memories are found by words for now: {problem}", "Embeddings failed; tried again.", "warning"
    ),
    "memory.forgotten": Line("MEMORY", "🌫️", "Memory #{memory} forgotten by {by}", "Deleted for good."),
    # --- posts and actions -------------------------------------------------------------------------------
    "post.queued": Line(
        "SOCIAL", "📝", "Post #{id} written: {text}", "A post is in the outbox and leaves when it may."
    ),
    "post.awaiting_approval": Line(
        "SOCIAL", "🖐️", "Post #{id} waits for your approval: {text}", "TWEETS=approve: a person releases it or not."
    ),
    "post.approved": Line("SOCIAL", "👍", "Post #{id} was approved: {text}", "A person released a post."),
    "post.posted": Line(
        "SOCIAL", "🐦", "Post #{id} published on {network} (${price_nanos:usd4}): {text}", "A post is on a network."
    ),
    "post.dry_run": Line(
        "SOCIAL", "🐦", "Post #{id}, dry run: {text}", "A post stands on the local timeline; nothing left the house."
    ),
    "post.waiting": Line(
        "SOCIAL", "⏳", "Post #{id} waits ({network}): {problem}", "A post cannot leave yet, and why."
    ),
    "post.unknown": Line(
        "SOCIAL",
        "❔",
        "Post #{id} may or may not be published on {network} ({problem}); it is asked",
        "Nothing is sent again before the network was asked.",
        "warning",
    ),
    "post.refused": Line(
        "SOCIAL", "✋", "Post refused: {problem} ({text})", "A post will not leave, and why.", "warning"
    ),
    "action.failed": Line("ACTION", "🩹", "{action} failed: {problem}", "A fault in Genesis itself; tell us.", "error"),
    # --- the world around it -----------------------------------------------------------------------------
    "world.happened": Line(
        "WORLD", "🪟", "{source}: {text}", "Something happened outside the mind; it may hear of it."
    ),
    "world.trouble": Line(
        "WORLD",
        "🌫️",
        "{source} cannot be asked: {problem}",
        "A source of news fails; told once while it lasts.",
        "warning",
    ),
    # --- observer and caretaker --------------------------------------------------------------------------
    "caretaker.message": Line(
        "CARE", "💌", "{by} says: {text}", "A message to the mind; it reads it at its next beat."
    ),
    "letter.arrived": Line(
        "CARE", "💌", "{by} writes: {text}", "A visitor or a donor wrote; the mind reads it at its next beat."
    ),
    "letter.awaiting_approval": Line(
        "CARE", "🖐️", "Letter {letter} waits for your approval", "VISITORS=approve: the caretaker's page shows it."
    ),
    "letter.refused": Line("CARE", "✋", "Letter {letter} was refused", "A person did not release a visitor's letter."),
    "letter.answered": Line("CARE", "🖋️", "To {to}: {text}", "The mind answered a letter."),
    "votes.counted": Line(
        "CARE", "🗳️", "Votes of an hour: {live} to live, {die} to die", "What visitors voted in an hour that is over."
    ),
    "work.published": Line("ACTION", "📖", "“{title}” is published: /works/{slug}", "The mind published a work."),
    "caretaker.command": Line("CARE", "🧑‍🔧", "{command} by {by}: {result}", "A command of a person was carried out."),
    "alert": Line("ALERT", "⚠️", "{problem}", "Something a person should look at; told once.", "warning"),
}


class MoneyFormatter(string.Formatter):
    """str.format with `usd2`, `usd4`, `usd6` and `usd9`: nano-dollars shown as dollars with that many places."""

    def format_field(self, value: Any, format_spec: str) -> str:
        """Format one field; an unknown amount is shown as `?`, never as 0."""
        if format_spec.startswith("usd"):
            places = int(format_spec[3:])
            return "?" if value is None else f"{Decimal(value) / NANOS_PER_USD:,.{places}f}"
        if value is None:
            return "?"
        return str(super().format_field(value, format_spec))


_FORMATTER = MoneyFormatter()


class _Data(dict[str, Any]):
    def __missing__(self, key: str) -> None:
        return None  # an event written by an older version may lack a field: shown as ?, never an error


def message(kind: str, data: Mapping[str, Any], *, life: int | None, beat: int | None) -> str:
    """Return the event's one line without time, room and emoji; line breaks and control characters are folded."""
    line = EVENTS.get(kind)
    if line is None:  # written by a newer version: show what there is
        text = f"{kind} {dict(data)}"
    else:
        text = _FORMATTER.vformat(line.template, (), _Data({"life": life, "beat": beat, **data}))
    folded = " ".join("".join(c if c.isprintable() or c in "\n\r\t\u200d" else "�" for c in text).split())
    return folded if len(folded) <= MAX_LINE_CHARS else folded[: MAX_LINE_CHARS - 1] + "…"


def line_for(kind: str) -> Line:
    """Return how `kind` is told; an unknown kind (a newer version's) gets a plain line."""
    return EVENTS.get(kind) or Line("EVENT", "•", "", "An event of a newer version.")

"""The log: one complete, unbuffered line an event, for people or as JSON, without a secret in it by construction."""

import json
import logging
import sys
import traceback
from collections.abc import Iterable, MutableMapping
from typing import Any, Literal, TextIO

import structlog

from ai.clock import Clock, SystemClock, parse_rfc3339, rfc3339
from ai.mind.events import line_for, message
from ai.mind.journal import Event
from ai.mind.redaction import Redactor

QUIET = {"httpx2": "WARNING", "httpcore2": "WARNING", "httpx": "WARNING", "apscheduler": "WARNING",
         "openai": "WARNING", "uvicorn.access": "WARNING", "uvicorn.error": "WARNING", "asyncio": "WARNING",
         "tweepy": "WARNING", "requests_oauthlib": "WARNING", "oauthlib": "WARNING"}  # fmt: skip
# Also where LOG_LEVEL is DEBUG: of an odd answer it writes a traceback.
MUTE = {"urllib3": "ERROR"}

EventDict = MutableMapping[str, Any]


class _Stdout(logging.StreamHandler[TextIO]):
    """Writes to what stdout is at the moment: a progress bar stands in for it while it is shown."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        """The present stdout."""
        return sys.stdout


def configure(
    log_format: Literal["emoji", "json"],
    level: str,
    secrets: Iterable[str],
    *,
    stream: TextIO | None = None,
    clock: Clock | None = None,
) -> None:
    """Send every log line of this process, third parties' too, through one pipe to `stream` (default: stdout)."""
    clock = clock or SystemClock()

    def stamp(_: object, __: str, event: EventDict) -> EventDict:
        event.setdefault("at", rfc3339(clock.now()))
        return event

    render = _for_people if log_format == "emoji" else _as_json
    redact = Redactor(secrets)
    before = [stamp, structlog.stdlib.add_log_level, structlog.stdlib.add_logger_name, _fold_exception]
    structlog.configure(
        processors=[*before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = _Stdout() if stream is None else logging.StreamHandler(stream)  # flushes after each line
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                lambda _, __, event: redact(render(event)),
            ],
        )
    )
    logging.raiseExceptions = False  # a closed terminal must not stop the mind
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    levels = logging.getLevelNamesMapping()
    for name, least in (QUIET | MUTE).items():
        usual = "INFO" if level == "DEBUG" and name in QUIET else least
        logging.getLogger(name).setLevel(max(levels[usual], levels[level]))
    logging.captureWarnings(True)


def log_event(event: Event) -> None:
    """Write the line of one journal event; hand this to `Journal.listen`."""
    line = line_for(event.kind)
    structlog.get_logger("ai").log(logging.getLevelNamesMapping()[line.level.upper()], event.kind, **_fields(event))


def render_event(event: Event, log_format: Literal["emoji", "json"] = "emoji") -> str:
    """Return the line that `log_event` would write, for `genesis logs`."""
    fields: EventDict = {"event": event.kind, "level": line_for(event.kind).level, **_fields(event)}
    return _for_people(fields) if log_format == "emoji" else _as_json(fields)


def _fields(event: Event) -> dict[str, Any]:
    line = line_for(event.kind)
    return {
        "at": rfc3339(event.at),
        "seq": event.seq,
        "life": event.life,
        "beat": event.beat,
        "room": line.room,
        "emoji": line.emoji,
        "message": message(event.kind, event.data, life=event.life, beat=event.beat),
        "data": dict(event.data),
    }


def _fold_exception(_: object, __: str, event: EventDict) -> EventDict:
    """Turn exception information into one line that names the place; the whole goes into the JSON form."""
    info = event.pop("exc_info", None)
    error = info if isinstance(info, BaseException) else info[1] if isinstance(info, tuple) else None
    if info is True:
        error = sys.exception()
    if error is not None:
        frames = traceback.extract_tb(error.__traceback__)
        where = f" at {frames[-1].filename.rsplit('/', 1)[-1]}:{frames[-1].lineno}" if frames else ""
        event["problem"] = f"{type(error).__name__}: {error}{where}"
        event["traceback"] = "".join(traceback.format_exception(error))
    return event


def _for_people(event: EventDict) -> str:
    when = parse_rfc3339(event["at"]).strftime("%Y-%m-%d %H:%M:%S")
    if "room" in event:
        return f"{when} [{event['room']}] {event['emoji']} {event['message']}"
    text = " ".join(f"{event['event']} {event.get('problem', '')}".split())
    room = str(event.get("logger", "log")).split(".", 1)[0].upper()
    return f"{when} [{room}] {'⚠️' if event.get('level') in {'warning', 'error', 'critical'} else '•'} {text}"


def _as_json(event: EventDict) -> str:
    data = event.pop("data", {}) if isinstance(event.get("data"), dict) else {}
    return json.dumps({**event, **{k: v for k, v in data.items() if k not in event}}, ensure_ascii=False, default=str)

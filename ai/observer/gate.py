"""Who may do what: the caretaker's token, sessions of the sign-in page, and limits on how often one may guess."""

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import SecretStr
from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from ai.clock import Clock
from ai.observer.headers import refuse
from ai.observer.hosts import visitor_of

SESSION_SECONDS = 12 * 3600.0  # a working day; a restart signs everyone out as well
SESSIONS = 32  # of one caretaker; the oldest goes first
PEERS = 1024  # addresses remembered by a limit; the one seen longest ago goes first
ATTEMPTS_PER_MINUTE = 10  # wrong tokens of one address
REQUESTS_PER_MINUTE = 60  # admin requests of one address
LETTERS_PER_HOUR = 6  # letters of one address: a talk, and no flood
COOKIE = "genesis_caretaker"


class Limit:
    """A bucket of `many` requests for each address, refilled evenly within `seconds`."""

    def __init__(self, clock: Clock, many: int, seconds: float = 60.0) -> None:
        self._clock = clock
        self._many = many
        self._seconds = seconds
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def _left(self, peer: str) -> float:
        left, since = self._buckets.get(peer, (float(self._many), 0.0))
        return min(self._many, left + (self._clock.monotonic() - since) * self._many / self._seconds)

    def wait_seconds(self, peer: str) -> int:
        """Return 0 where `peer` may go on, else after how many whole seconds it may."""
        left = self._left(peer)
        return 0 if left >= 1 else int((1 - left) * self._seconds / self._many) + 1

    def count(self, peer: str) -> None:
        """Take one from the bucket of `peer`."""
        self._buckets[peer] = (max(0.0, self._left(peer) - 1), self._clock.monotonic())
        self._buckets.move_to_end(peer)
        while len(self._buckets) > PEERS:
            self._buckets.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Session:
    """One signed-in browser; `csrf` stands in each of its forms."""

    csrf: str
    until: float  # on the clock's monotonic seconds


class Gate:
    """Knows the caretaker by bearer token (programs) or by session cookie (browsers)."""

    def __init__(
        self, admin_token: SecretStr | None, clock: Clock, new_token: Callable[[], str] = secrets.token_urlsafe
    ) -> None:
        self._token = None if admin_token is None else _digest(admin_token.get_secret_value().encode())
        self._clock = clock
        self._new_token = new_token
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self.wrong_bearers = Limit(clock, ATTEMPTS_PER_MINUTE)
        self.wrong_sign_ins = Limit(clock, ATTEMPTS_PER_MINUTE)
        self.wrong_webhooks = Limit(clock, ATTEMPTS_PER_MINUTE)
        self.busy = Limit(clock, REQUESTS_PER_MINUTE)
        self.letters = Limit(clock, LETTERS_PER_HOUR, 3_600.0)

    @property
    def locked(self) -> bool:
        """Tell whether no ADMIN_TOKEN is set, so that nobody may administer."""
        return self._token is None

    def is_token(self, given: str) -> bool:
        """Compare with ADMIN_TOKEN in constant time; digests, so that not even the length shows."""
        raw = given.encode("utf-8", "surrogatepass")
        return hmac.compare_digest(self._token or _digest(b""), _digest(raw)) and self._token is not None

    def bearer(self, request: HTTPConnection) -> bool | None:
        """Tell whether the request bears ADMIN_TOKEN; None where it bears no token at all."""
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        raw = given.strip().encode("latin-1", "replace")  # as it came: programs send UTF-8, headers are read as Latin-1
        return hmac.compare_digest(self._token or _digest(b""), _digest(raw)) and self._token is not None

    def sign_in(self) -> tuple[str, Session]:
        """Open a session; return the cookie's value and the session."""
        cookie = self._new_token()
        session = Session(self._new_token(), self._clock.monotonic() + SESSION_SECONDS)
        self._sessions[_digest(cookie.encode("utf-8", "replace")).hex()] = session
        while len(self._sessions) > SESSIONS:
            self._sessions.popitem(last=False)
        return cookie, session

    def session(self, request: HTTPConnection) -> Session | None:
        """Return the browser's session, None where it has none or it has ended."""
        cookie = request.cookies.get(COOKIE)
        if cookie is None:
            return None
        session = self._sessions.get(_digest(cookie.encode("utf-8", "replace")).hex())
        return session if session is not None and session.until > self._clock.monotonic() else None

    def sign_out(self, request: Request) -> None:
        """End the browser's session."""
        self._sessions.pop(_digest(request.cookies.get(COOKIE, "").encode("utf-8", "replace")).hex(), None)

    def is_caretaker(self, request: HTTPConnection) -> bool:
        """Tell whether the request comes from the caretaker, either way."""
        return self.session(request) is not None or self.bearer(request) is True


class Doorkeeper:
    """Counts every wrong bearer, at whatever address it is presented, and turns those away who guess on.

    The right token is looked at first and always passes, however often others guessed wrongly.
    """

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app = app
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI)."""
        if scope["type"] != "http" or self._gate.locked or self._gate.bearer(HTTPConnection(scope)) is not False:
            await self._app(scope, receive, send)
            return
        who, limit = visitor_of(scope), self._gate.wrong_bearers
        wait = limit.wait_seconds(who)
        if wait:
            await refuse(send, 429, f"too many wrong tokens; wait {wait} s", {"retry-after": str(wait)})
            return
        limit.count(who)
        text = "the token is wrong; send Authorization: Bearer ADMIN_TOKEN, or none"
        await refuse(send, 401, text, {"www-authenticate": "Bearer"})


def _digest(raw: bytes) -> bytes:
    return hashlib.sha256(raw).digest()

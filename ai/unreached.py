"""Says in one line why an address could not be reached and what to do about it, whichever library asked."""

import re
import socket
import ssl
from collections.abc import Iterator

MOST_CAUSES = 12  # of one failure, each the reason of the one before
MAX_WORDS = 160  # of an error that is none of those below
WANTS_TO_KNOW_WHO = re.compile(r"(^|failed: )407\b")  # Proxy Authentication Required, not a port
NO_TLS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST"}  # OpenSSL's reasons where an answer in plain HTTP came
MALFORMED = {"InvalidURL", "InvalidProxyURL", "LocationParseError"}  # httpx2's, requests' and urllib3's
NOBODY = "nobody listens there: is it running, and are the address, port and HTTPS_PROXY right?"
NOT_NOW = ("expired", "not yet valid")  # of a certificate, as OpenSSL says it

SIGN_IN_STATUS = 511  # Network Authentication Required: a network's sign-in page, never the server that was asked
MAX_SAID = 120  # of an answer that is no JSON
A_PAGE = "a web page: does a network's sign-in page stand between, or is the address another's?"


def is_page(body: bytes | bytearray) -> bool:
    """Say whether what came instead of an answer is a page for people."""
    return bytes(body[:MAX_WORDS]).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def without_json(status: int, text: str) -> str:
    """Return what a status is told as whose body says nothing that can be read."""
    if status == SIGN_IN_STATUS:
        return f"status {status}: the network's sign-in page answers in its place: sign in, or use another network"
    return f"status {status} with no JSON: {text[:MAX_SAID]}"


def why_unreached(error: BaseException) -> str:
    """Return what stood between, in words for people; nothing of an address or a proxy's password is in it."""
    causes = [*_causes(error)]
    known = next((words for one in causes if (words := _known(one)) is not None), None)
    if known is None and any(isinstance(one, TimeoutError) or "Timeout" in type(one).__name__ for one in causes):
        known = "it did not answer in time: is a proxy, a firewall or a name server silent?"
    return known or _its_name(causes)


def _its_name(causes: list[BaseException]) -> str:
    """Return what an error is called; its words too where the system said them: a library's may hold a secret."""
    told = next((one for one in causes if isinstance(one, OSError) and type(one).__module__ == "builtins"), None)
    words = "" if told is None else " ".join(str(told).split())[:MAX_WORDS]
    return f"{type(told or causes[0]).__name__}: {words}".removesuffix(": ")


def _known(error: BaseException) -> str | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _untrusted(error)
    if isinstance(error, ssl.SSLError):
        return _no_tls(error.reason or "it broke off")
    if isinstance(error, socket.gaierror):
        return f"its name is not found ({error.strerror}): is there a network, and is the name right?"
    if type(error).__name__ == "ProxyError":
        return _no_way_through(error)
    if type(error).__name__ in MALFORMED:
        return "the address or HTTPS_PROXY is malformed: http://USER:PASSWORD@HOST:PORT, percent-encoded"
    return NOBODY if isinstance(error, ConnectionRefusedError) else None


def _no_tls(why: str) -> str:
    return (
        f"what answers there speaks no TLS ({why}): should it be http://?" if why in NO_TLS else f"TLS failed ({why})"
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it came from, as asyncio, anyio, httpx2 and urllib3 each keep that."""
    waiting: list[object] = [error]
    for _ in range(MOST_CAUSES):
        if not waiting:
            return
        one = waiting.pop(0)
        if isinstance(one, BaseException):
            yield one
            inside = one.exceptions if isinstance(one, BaseExceptionGroup) else one.args
            waiting += [one.__cause__ or one.__context__, getattr(one, "reason", None), *inside]


def _untrusted(error: ssl.SSLCertVerificationError) -> str:
    said = error.verify_message or "no reason is given"
    if any(words in said for words in NOT_NOW):
        return f"its certificate is not trusted ({said}): is the clock right?"
    return (
        f"its certificate is not trusted ({said}): does a network's sign-in page or a proxy stand between? "
        "sign in, or name its authority in SSL_CERT_FILE"
    )


def _no_way_through(error: BaseException) -> str:
    if WANTS_TO_KNOW_WHO.search(str(error)):
        return "the proxy wants a name and a password: HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT"
    return "the proxy of HTTPS_PROXY shows nobody through"

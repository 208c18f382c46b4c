"""The caretaker's own page: signing in with ADMIN_TOKEN, and forms for what the admin routes do."""

import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ai.credit_tracker.reconciliation_words import reconciliation_lines
from ai.mind.commands import CommandRefused
from ai.mind.database import MindDatabase
from ai.observer.admin import LARGEST_ID, LETTER_VERDICTS, BadOrder, order
from ai.observer.forms import form_of
from ai.observer.gate import COOKIE, SESSION_SECONDS, Session
from ai.observer.hosts import visitor_of
from ai.observer.pages import now_context, page
from ai.observer.view import View, view_of
from ai.people import Letter
from ai.people.letters import awaiting

LETTERS = 100  # that wait to be released; more never do
ROWS = 20  # of what was asked, and of donations
NOTICE_CHARS = 300
BY = {"by": "caretaker (page)"}

Form = Mapping[str, str]


async def show(request: Request, *, notice: str = "", status: int = 200) -> Response:
    """GET /caretaker: the sign-in, or what a signed-in caretaker may do."""
    view = view_of(request)
    context = await now_context(request, view)
    context |= {"notice": notice or request.query_params.get("notice", "")[:NOTICE_CHARS]}
    if context["caretaker"] is None:
        context["notice"] = notice  # what an address says is shown to nobody but its own caretaker
    else:
        asked, gifts, letters = await view.reader.read(_asked)
        posts = await view.tweets.get()
        waiting = [post for post in posts if post["state"] == "awaiting_approval"]
        context |= {"asked": asked, "gifts": gifts, "waiting": waiting, "letters": letters}
    return await page(request, "caretaker.html", context, status=status)


def _asked(mind: MindDatabase) -> tuple[list[Any], list[Any], list[Letter]]:
    newest = "ORDER BY id DESC LIMIT ?"
    asked = mind.connection.execute(f"SELECT at, kind, finished_at, result FROM commands {newest}", (ROWS,))
    gifts = mind.connection.execute(
        "SELECT at, donor, message, amount_told, refused FROM donations ORDER BY at DESC LIMIT ?", (ROWS,)
    )
    letters = awaiting(mind, LETTERS)
    rows = [dict(row) | {"result": _in_words(row["kind"], row["result"])} for row in asked.fetchall()]
    return rows, [dict(row) for row in gifts.fetchall()], letters


def _in_words(kind: str, result: str | None) -> str | None:
    """Return what a command answered as people read it: `reconcile` answers programs, in JSON."""
    if kind != "reconcile" or result is None or not result.startswith("{"):
        return result
    return "\n".join(reconciliation_lines(json.loads(result)))


async def sign_in(request: Request) -> Response:
    """POST /caretaker/sign-in: a session cookie for the right token, not too many tries."""
    view, who = view_of(request), visitor_of(request.scope)
    gate = view.gate
    if gate.locked or not same_origin(request):
        raise HTTPException(403, "nobody can sign in here")
    if not gate.is_token((await form_of(request)).get("token", "")):
        wait = gate.wrong_sign_ins.wait_seconds(who)
        if wait:
            return await show(request, notice=f"Too many wrong tokens; wait {wait} s.", status=429)
        gate.wrong_sign_ins.count(who)
        return await show(request, notice="That is not the ADMIN_TOKEN.", status=403)
    cookie, _ = gate.sign_in()
    view.sources.command("sign_in", BY)
    answer = RedirectResponse("/caretaker", 303)
    answer.set_cookie(
        COOKIE,
        cookie,
        max_age=int(SESSION_SECONDS),
        path="/",
        httponly=True,
        samesite="strict",
        secure=view.hosts.is_secure(request.scope),
    )
    return answer


def same_origin(request: Request) -> bool:
    """Tell whether a form was sent from a page of this server; browsers name the sender, programs need not."""
    origin = request.headers.get("origin")
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return False
    if origin is None:
        return True
    return view_of(request).hosts.is_own_origin(origin, request.headers.get("host", ""))


Act = Callable[[Request, View, Form], Awaitable[str]]


def signed(act: Act, back: str = "/caretaker") -> Callable[[Request], Awaitable[Response]]:
    """Let a form through that a signed-in caretaker sent from a page of ours (session, CSRF token, origin)."""

    async def checked(request: Request) -> Response:
        view = view_of(request)
        session = view.gate.session(request)
        if session is None:
            return await show(request, notice="Your session has ended; sign in again.", status=403)
        form = await form_of(request)
        if not same_origin(request) or not _bears(form, session):
            raise HTTPException(403, "the form is not from this page; open it again")
        try:
            notice = await act(request, view, form)
        except (BadOrder, CommandRefused) as error:
            return await show(request, notice=str(error), status=400)
        return RedirectResponse(f"{back}?notice={quote(notice)}", 303)

    return checked


def _bears(form: Form, session: Session) -> bool:
    return hmac.compare_digest(form.get("csrf", "").encode(), session.csrf.encode())


@signed
async def command(request: Request, view: View, form: Form) -> str:
    """POST /caretaker/{kind}: pause, resume, say, topup, or kill with its name typed."""
    kind = request.path_params["kind"]
    fields = {"say": ("text",), "topup": ("amount", "from"), "kill": ("cause",), "pause": (), "resume": ()}
    if kind not in fields:
        raise HTTPException(404, f"no command {kind[:40]!r}")
    if kind == "kill":
        await _confirmed(view, form)
    data = order(kind, {name: form.get(name, "") for name in fields[kind]})
    row = view.sources.command(kind, data | BY)
    return f"Asked (no. {row}): {kind}. It is carried out between two steps of the mind."


async def _confirmed(view: View, form: Form) -> None:
    name = (await view.state.get())["name"] or "it"
    if form.get("confirm", "").strip() != name:
        raise BadOrder(f"confirm: type {name!r} exactly to end this life; nothing was done")


@signed
async def post(request: Request, view: View, form: Form) -> str:
    """POST /caretaker/posts/{id}: approve or refuse a waiting post."""
    number, verdict = request.path_params["id"], form.get("verdict", "")
    if verdict not in {"approve", "refuse"} or number > LARGEST_ID:
        raise BadOrder("verdict: one of approve, refuse")
    row = view.sources.command(verdict, {"id": number} | BY)
    return f"Asked (no. {row}): {verdict} post {number}."


@signed
async def letter(request: Request, view: View, form: Form) -> str:
    """POST /caretaker/letters/{id}: release or refuse a letter of a visitor."""
    number, verdict = request.path_params["id"], form.get("verdict", "")
    if verdict not in LETTER_VERDICTS or number > LARGEST_ID:
        raise BadOrder("verdict: one of approve, refuse")
    row = view.sources.command(LETTER_VERDICTS[verdict], {"id": number} | BY)
    return f"Asked (no. {row}): {verdict} letter {number}."


@signed
async def sign_out(request: Request, view: View, _form: Form) -> str:
    """POST /caretaker/sign-out: end the session."""
    view.gate.sign_out(request)
    return "Signed out."

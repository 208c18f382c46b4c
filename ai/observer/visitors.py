"""What visitors may do: write to the mind, read its answers, vote; as JSON for programs, as forms for browsers."""

import json
from datetime import timedelta
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from ai.clock import rfc3339
from ai.mind.database import MindDatabase
from ai.observer.answers import answer, encoded_json, problem
from ai.observer.api import number_of
from ai.observer.caretaker import same_origin
from ai.observer.events import LAST_SEQ
from ai.observer.forms import form_of
from ai.observer.hosts import visitor_of
from ai.observer.pages import now_context, page, seq_of, shared_page
from ai.observer.veil import veiled
from ai.observer.view import View, view_of
from ai.people import AlreadyVoted, Letter, LetterRefused, TooManyLetters
from ai.people.letters import MAX_NAME_CHARS, MAX_VISITOR_CHARS, NAMELESS, conversation, document

LETTERS_A_PAGE = 30
LETTERS_MOST = 100  # of one answer of GET /api/letters
NO_STORE = {"cache-control": "no-store"}
OFF = {
    "letters": "visitors may not write here; the caretaker can allow it (VISITORS=on or approve)",
    "votes": "nobody votes here; the caretaker can allow it (VOTES=on)",
}
FOREIGN = "this was sent from a page of another server; use the page here"
SAID = {
    "open": "It is sent: the mind reads it at its next beat.",
    "awaiting_approval": "It is sent: the mind reads it once its caretaker has released it.",
    "voted": "Your vote is in the box; it is counted when the hour is over.",
}

M = TypeVar("M", bound=BaseModel)


class NewLetter(BaseModel):
    """A letter of a visitor; who gives no name is `somebody`."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, StringConstraints(max_length=MAX_NAME_CHARS)] = NAMELESS
    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_VISITOR_CHARS)]


class NewVote(BaseModel):
    """A vote on the life that lives now."""

    model_config = ConfigDict(extra="forbid")
    vote: Literal["live", "die"]


EXAMPLES = {"letters": '{"name":"Ines","text":"What do you see today?"}', "votes": '{"vote":"live"}'}


class Declined(Exception):
    """Something was not taken: a status, one line for people, and perhaps when to come again."""

    def __init__(self, status: int, text: str, seconds: int | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.headers = {} if seconds is None else {"retry-after": str(max(1, seconds))}


async def letters(request: Request) -> Response:
    """GET /api/letters: what is public, newest first; `before` and `limit` page through it."""
    view = view_of(request)
    try:
        before = number_of(request, "before", None, LAST_SEQ)
        limit = number_of(request, "limit", LETTERS_MOST, LETTERS_MOST) or 1
    except ValueError as error:
        return problem(400, str(error))
    money = view.money(request)

    def make(mind: MindDatabase) -> Any:
        found = [document(letter) for letter in conversation(mind, limit, before=before)]
        return encoded_json(found if money else veiled(found))

    return answer(request, await view.reader.read(make))


async def post_letter(request: Request) -> Response:
    """POST /api/letters: 202 with the letter's number, 403 while VISITORS is off, 429 where there is no room."""
    try:
        given = await _body(request, NewLetter, "letters")
        number, state = _write(request, view_of(request), given)
    except Declined as refusal:
        return problem(refusal.status, str(refusal), refusal.headers)
    return JSONResponse({"id": number, "state": state}, 202, NO_STORE)


async def post_vote(request: Request) -> Response:
    """POST /api/votes: 202, 403 while VOTES is off, 409 where nobody lives, 429 for a second vote within the hour."""
    view = view_of(request)
    try:
        given = await _body(request, NewVote, "votes")
        seconds = _vote(request, view, given)
    except Declined as refusal:
        return problem(refusal.status, str(refusal), refusal.headers)
    counted = view.sources.clock.now().replace(microsecond=0) + timedelta(seconds=seconds)
    return JSONResponse({"vote": given.vote, "counted_at": rfc3339(counted)}, 202, NO_STORE)


@shared_page
async def show(request: Request) -> tuple[str, dict[str, Any]]:
    """GET /letters: the conversation with people, and where it is allowed a form to write, and to vote."""
    return "letters.html", await _letters(request, SAID.get(request.query_params.get("said", ""), ""))


async def _letters(request: Request, notice: str) -> dict[str, Any]:
    view = view_of(request)
    try:
        before = seq_of(request.query_params["before"]) if "before" in request.query_params else None
    except ValueError as error:
        raise HTTPException(404, str(error)) from error
    context = await now_context(request, view)
    found = await view.reader.read(lambda mind: conversation(mind, LETTERS_A_PAGE + 1, before=before))
    return context | {
        "letters": [_seen(letter, money=context["money"]) for letter in found[:LETTERS_A_PAGE]],
        "older": found[LETTERS_A_PAGE - 1].id if len(found) > LETTERS_A_PAGE else None,
        "notice": notice,
        "most": {"name": MAX_NAME_CHARS, "text": MAX_VISITOR_CHARS},
    }


async def _declined(request: Request, refusal: Declined) -> Response:
    """Return the page with what was wrong."""
    return await page(request, "letters.html", await _letters(request, str(refusal)), status=refusal.status)


async def write(request: Request) -> Response:
    """POST /letters: the form of the page."""
    form = await form_of(request)
    try:
        given = _checked({"name": form.get("name", ""), "text": form.get("text", "")}, NewLetter, "letters")
        _, state = _write(request, view_of(request), given)
    except Declined as refusal:
        return await _declined(request, refusal)
    return RedirectResponse(f"/letters?said={state}", 303)


async def vote(request: Request) -> Response:
    """POST /votes: the form of the page."""
    form = await form_of(request)
    try:
        _vote(request, view_of(request), _checked({"vote": form.get("vote", "")}, NewVote, "votes"))
    except Declined as refusal:
        return await _declined(request, refusal)
    return RedirectResponse("/letters?said=voted", 303)


def _write(request: Request, view: View, given: NewLetter) -> tuple[int, str]:
    """Hand a letter in; return its number and state. Raises Declined."""
    how, who = view.sources.settings.visitors, visitor_of(request.scope)
    if how == "off":
        raise Declined(403, OFF["letters"])
    if not same_origin(request):
        raise Declined(403, FOREIGN)
    wait = view.gate.letters.wait_seconds(who)
    if wait:
        raise Declined(429, f"you have written enough for now; write again in {wait} s", wait)
    view.gate.letters.count(who)
    try:
        number = view.sources.letter(given.name, given.text)
    except TooManyLetters as error:
        raise Declined(429, str(error), error.seconds) from None
    except LetterRefused as error:
        raise Declined(400, str(error)) from None
    return number, "awaiting_approval" if how == "approve" else "open"


def _vote(request: Request, view: View, given: NewVote) -> int:
    """Cast a vote; return in how many seconds it is counted. Raises Declined."""
    if view.sources.settings.votes == "off":
        raise Declined(403, OFF["votes"])
    if not same_origin(request):
        raise Declined(403, FOREIGN)
    try:
        seconds = view.sources.vote(visitor_of(request.scope), given.vote)
    except AlreadyVoted as error:
        raise Declined(429, str(error), error.seconds) from None
    if seconds is None:
        raise Declined(409, "nobody lives right now; vote when somebody does")
    return seconds


async def _body(request: Request, model: type[M], name: str) -> M:
    try:
        return _checked(json.loads(await request.body()), model, name)
    except (ValueError, RecursionError) as error:
        if isinstance(error, ValidationError):
            raise
        raise Declined(400, f"the body is not JSON; send {EXAMPLES[name]}") from None


def _checked(given: object, model: type[M], name: str) -> M:
    try:
        return model.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        raise Declined(400, f"{where}: {first['msg']}; send {EXAMPLES[name]}") from None


def _seen(letter: Letter, *, money: bool) -> dict[str, Any]:
    """Return a letter for the page: without amounts where they are private."""
    words = {"name": letter.name, "text": letter.text, "answer": letter.answer}
    facts = {"id": letter.id, "role": letter.role, "at": letter.at, "answered_at": letter.answered_at}
    return facts | {"life": letter.life} | (words if money else veiled(words))

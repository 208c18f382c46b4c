"""What it published, as pages for people and as a feed: works and posts, as text and never as markup."""

from typing import Any
from uuid import NAMESPACE_URL, uuid5

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ai.clock import parse_rfc3339
from ai.observer.answers import answer, encoded
from ai.observer.events import LAST_SEQ
from ai.observer.pages import now_context, page, seq_of, shared_page
from ai.observer.rendering import TEMPLATES
from ai.observer.veil import veiled
from ai.observer.view import View, view_of
from ai.people import Work
from ai.people.works import by_slug, published

WORKS_A_PAGE = 40
FEED_ENTRIES = 50
FEED_CHARS = 4_000  # of a work in the feed; its page has all of it
BEGINNING_CHARS = 280  # of a work in the list
TITLE_CHARS = 80  # of a post, which has no title of its own
PUBLIC_STATES = frozenset({"posted", "dry_run"})


@shared_page
async def works(request: Request) -> tuple[str, dict[str, Any]]:
    """GET /works: what it published, newest first; `before` goes back."""
    view = view_of(request)
    try:
        before = seq_of(request.query_params["before"]) if "before" in request.query_params else LAST_SEQ
    except ValueError as error:
        raise HTTPException(404, str(error)) from error
    found = await view.reader.read(lambda mind: published(mind, WORKS_A_PAGE + 1, before=before))
    context = await now_context(request, view)
    shown = [_seen(work, money=context["money"], most=BEGINNING_CHARS) for work in found[:WORKS_A_PAGE]]
    older = found[WORKS_A_PAGE - 1].id if len(found) > WORKS_A_PAGE else None
    return "works.html", context | {"works": shown, "older": older}


async def work(request: Request) -> Response:
    """GET /works/{slug}: one work, whole."""
    view, slug = view_of(request), request.path_params["slug"]
    found = await view.reader.read(lambda mind: by_slug(mind, slug))
    if found is None:
        raise HTTPException(404, f"there is no work {slug[:60]!r}")
    context = await now_context(request, view)
    return await page(request, "work.html", context | {"work": _seen(found, money=context["money"])})


async def feed(request: Request) -> Response:
    """GET /feed.xml: works and posts as Atom (RFC 4287), the newest first."""
    view = view_of(request)
    money, sight = view.money(request), view.sight(request)
    base = view.sources.settings.public_url or str(request.base_url).rstrip("/")
    found = await view.reader.read(lambda mind: published(mind, FEED_ENTRIES))
    entries = [_work_entry(view, base, _seen(one, money=money, most=FEED_CHARS)) for one in found]
    entries += [_post_entry(view, base, post) for post in await sight.tweets.get() if post["state"] in PUBLIC_STATES]
    newest = sorted(entries, key=lambda entry: (entry["updated"], entry["id"]), reverse=True)[:FEED_ENTRIES]
    state = await sight.state.get()
    context = {
        "base": base,
        "id": _urn(view, "feed", ""),
        "name": state["name"] or "Genesis",
        "updated": newest[0]["updated"] if newest else parse_rfc3339("2026-01-01T00:00:00Z"),
        "entries": newest,
    }
    body = await view.reader.work(
        lambda: encoded(
            TEMPLATES.get_template("feed.xml").render(context).encode("utf-8", "replace"),
            "application/atom+xml; charset=utf-8",
        )
    )
    return answer(request, body)


def _work_entry(view: View, base: str, work: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": _urn(view, "work", f"{work['slug']} {work['at'].isoformat()}"),
        "link": f"{base}/works/{work['slug']}",
        "title": work["title"],
        "author": work["author"],
        "published": work["at"],
        "updated": work["changed_at"],
        "text": work["text"],
    }


def _post_entry(view: View, base: str, post: Any) -> dict[str, Any]:
    line = ("Dry run, not sent: " if post["state"] == "dry_run" else "") + " ".join(post["text"].split())
    at = parse_rfc3339(post["posted_at"] or post["created_at"])
    return {
        "id": _urn(view, "post", f"{post['id']} {post['created_at']}"),
        "link": f"{base}/posts",
        "title": line if len(line) <= TITLE_CHARS else line[: TITLE_CHARS - 1] + "…",
        "author": None,
        "published": at,
        "updated": at,
        "text": post["text"],
    }


def _urn(view: View, sort: str, name: str) -> str:
    """Return what names an entry for good, under whatever host it is read."""
    return uuid5(NAMESPACE_URL, f"genesis/{view.sources.settings.mind}/{sort}/{name}").urn


def _seen(work: Work, *, money: bool, most: int | None = None) -> dict[str, Any]:
    """Return a work for the page: its beginning alone where `most` says so, without amounts where they are private."""
    text = work.text if most is None or len(work.text) <= most else work.text[: most - 1].rsplit(" ", 1)[0] + "…"
    words = {"title": work.title, "author": work.author, "text": text}
    facts = {"slug": work.slug, "life": work.life, "at": work.at, "changed_at": work.changed_at}
    return facts | (words if money else veiled(words))

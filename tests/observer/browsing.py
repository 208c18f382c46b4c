"""A browser for tests and pictures of the page: the system's Chromium or Chrome, else Playwright's own.

`python -m tests.observer.browsing` (a part of `make test`) fetches Playwright's where no other is installed and it can
be had; where none can, it says so in one line and fails nothing.
"""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from axe_playwright_python import base as axe
from playwright.async_api import Browser, BrowserContext, Error, Page, Playwright, async_playwright

INSTALLED = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
MISSING = (
    "no browser: install Chromium or Google Chrome (Debian: `apt install chromium`), "
    "or `.venv/bin/playwright install --with-deps chromium`"
)
DRIVER = (
    "Playwright's driver does not start: its first line above says what it lacks (Debian: `apt install libatomic1`)"
)
FETCH_SECONDS = 600  # 120 MB at 200 kB/s
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
AXE = Path(axe.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 860}
LISTEN = "addEventListener('securitypolicyviolation', e => console.error('CSP', e.violatedDirective, e.blockedURI))"


@dataclass
class Tab:
    """A page with what it complained of, and where it wanted to go."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    async def violations(self) -> list[str]:
        """Run axe-core; return what it found, a line each."""
        await self.page.evaluate(AXE)
        found = await self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [f"{v['id']}: {node['html'][:160]}" for v in found["violations"] for node in v["nodes"]]


class NoBrowser(Exception):
    """There is no browser that starts; the message says what to install."""


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Start the first browser that starts. Raises NoBrowser."""
    try:
        playwright = await async_playwright().start()
    except Exception as error:  # Playwright raises no other when its driver ends at once
        raise NoBrowser(f"{MISSING}; {DRIVER}") from error
    try:
        browser = await _launch(playwright)
        try:
            yield browser
        finally:
            await browser.close()
    finally:
        await playwright.stop()


async def _launch(playwright: Playwright) -> Browser:
    problem = ""
    for path in (*filter(None, map(shutil.which, INSTALLED)), None):  # None: Playwright's own
        try:
            return await playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        except Error as error:  # none there, or without the libraries that it needs
            problem = problem or (path and f"; {path}: {error.message.splitlines()[0]}") or ""
    raise NoBrowser(MISSING + problem)


@asynccontextmanager
async def tab(browser: Browser, **options: object) -> AsyncIterator[Tab]:
    """Open one page in a context of its own, listening for errors, CSP reports and requests."""
    context: BrowserContext = await browser.new_context(**{"viewport": DESKTOP, **options})
    await context.add_init_script(LISTEN)
    opened = Tab(await context.new_page())
    opened.page.set_default_timeout(10_000)
    opened.page.on("console", lambda m: opened.complaints.append(m.text) if m.type in {"error", "warning"} else None)
    opened.page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    opened.page.on("request", lambda request: opened.requests.append(request.url))
    try:
        yield opened
    finally:
        await context.close()


async def _problem() -> str | None:
    try:
        async with chromium():
            return None
    except NoBrowser as problem:
        return str(problem)


def fetch() -> None:
    """Have Playwright fetch its Chromium where no browser starts, and as root the libraries that it needs."""
    if asyncio.run(_problem()) is None:
        return
    steps = [("install", "chromium"), *([("install-deps", "chromium")] if os.geteuid() == 0 else [])]
    for step in steps:
        try:
            command = [sys.executable, "-m", "playwright", *step]
            done = subprocess.run(command, capture_output=True, timeout=FETCH_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            break
        if done.returncode != 0:
            break
    if problem := asyncio.run(_problem()):
        sys.stderr.write(f"The page's tests will be skipped: {problem}\n")


if __name__ == "__main__":
    fetch()

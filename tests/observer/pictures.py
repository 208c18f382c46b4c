"""Takes the pictures of the page from demonstration data: `python -m tests.observer.pictures FOLDER [NAME…]`.

The README's two, `docs/images/observer.png` and `observer-phone.png`, show a day that was lived instead:

    python -m benchmarks.local_day --scripted --answer-seconds 5 --steps 2 --beats 40 --every 2100 --seed 3 --folder DAY
    python -m tests.observer.pictures docs/images observer observer-phone --of DAY
"""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from playwright.async_api import Browser

from ai.clock import VirtualClock, parse_rfc3339
from ai.daemon.sources import AppSources
from ai.daemon.wiring import open_app
from ai.observer import ObserverServer
from ai.settings.sources import load_settings
from benchmarks.local_day_figures import day_of
from benchmarks.local_day_life import RECORD, environment_of
from benchmarks.local_day_world import ScriptedDay
from tests.observer.browsing import DESKTOP, PHONE, chromium, tab
from tests.observer.demo_app import DemoApp


@dataclass(frozen=True)
class Picture:
    """One picture: of which page, how wide, by day or by night, of which app."""

    path: str = "/"
    size: dict[str, int] = field(default_factory=lambda: DESKTOP)
    scheme: str = "light"
    days: float = 21.3
    dear: int = 1
    app: dict[str, Any] = field(default_factory=dict)
    whole: bool = False


PICTURES = {
    "observer": Picture(),
    "observer-dark": Picture(scheme="dark"),
    "observer-phone": Picture(size=PHONE, scheme="dark"),
    "money": Picture("/money", whole=True),
    "models": Picture("/models"),
    "lives": Picture("/lives"),
    "life": Picture("/lives/3"),
    "empty": Picture(days=0, app={"alive": False}),
    "dead": Picture(app={"alive": False}),
    "paused": Picture(size=PHONE, app={"paused": True}),
    "bankrupt": Picture(dear=9),
    "purse-away": Picture(app={"away": True}),
}


async def take(browser: Browser, name: str, folder: Path) -> Path:
    """Take one picture and return its file."""
    picture = PICTURES[name]
    with tempfile.TemporaryDirectory() as data:
        app = DemoApp(Path(data), days=picture.days, dear=picture.dear, DONATE_URL="https://ko-fi.com/genesis")
        for attribute, value in picture.app.items():
            setattr(app, attribute, value)
        server = ObserverServer(app)
        await server.start()
        try:
            return await _shot(browser, server.url, picture, folder / f"{name}.png", charts=not app.away)
        finally:
            await server.stop()
            app.mind.close()


async def take_lived(browser: Browser, name: str, folder: Path, day: Path) -> Path:
    """Take one picture of a day that `benchmarks.local_day` lived, as its page stood after the last beat."""
    with tempfile.TemporaryDirectory() as copied:
        here = Path(copied) / "day"
        shutil.copytree(day, here)
        lived = day_of(json.loads((here / RECORD).read_text()))
        clock = VirtualClock(parse_rfc3339(lived.beats[-1].at) + timedelta(minutes=2))
        settings = load_settings(environment_of(here, lived), here)
        async with open_app(settings, clock, seed=lived.seed, outside=ScriptedDay(clock.now()).outside) as app:
            server = ObserverServer(AppSources(app, list))
            await server.start()
            try:
                return await _shot(browser, server.url, PICTURES[name], folder / f"{name}.png", charts=True)
            finally:
                await server.stop()


async def _shot(browser: Browser, url: str, picture: Picture, file: Path, *, charts: bool) -> Path:
    async with tab(browser, viewport=picture.size, color_scheme=picture.scheme, reduced_motion="reduce") as opened:
        await opened.page.goto(url + picture.path)
        await opened.page.evaluate("document.fonts.ready")
        if await opened.page.locator("[data-chart]:visible").count() and charts:
            await opened.page.wait_for_selector("[data-chart] canvas")
        await opened.page.screenshot(path=file, full_page=picture.whole)
    return file


async def main(folder: Path, names: list[str], day: Path | None) -> None:
    """Take the named pictures, all without names; of a lived `day` where there is one."""
    folder.mkdir(parents=True, exist_ok=True)
    async with chromium() as browser:
        for name in names or PICTURES:
            file = await (take(browser, name, folder) if day is None else take_lived(browser, name, folder, day))
            sys.stdout.write(f"{file} {file.stat().st_size // 1000} kB\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", choices=[[], *PICTURES])
    parser.add_argument("--of", type=Path, metavar="DAY", help="a folder that benchmarks.local_day lived in")
    given = parser.parse_args()
    asyncio.run(main(given.folder, given.names, given.of))

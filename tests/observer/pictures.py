"""Takes the pictures of the page from demonstration data: `python -m tests.observer.pictures FOLDER [NAME…]`.

The README's two are `docs/images/observer.png` and `docs/images/observer-phone.png`: they are taken with
`python -m tests.observer.pictures docs/images observer observer-phone`.
"""

import asyncio
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import Browser

from ai.observer import ObserverServer
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
            async with tab(
                browser, viewport=picture.size, color_scheme=picture.scheme, reduced_motion="reduce"
            ) as opened:
                await opened.page.goto(server.url + picture.path)
                await opened.page.evaluate("document.fonts.ready")
                if await opened.page.locator("[data-chart]:visible").count() and not app.away:
                    await opened.page.wait_for_selector("[data-chart] canvas")
                file = folder / f"{name}.png"
                await opened.page.screenshot(path=file, full_page=picture.whole)
        finally:
            await server.stop()
            app.mind.close()
    return file


async def main(folder: Path, names: list[str]) -> None:
    """Take the named pictures, all without names."""
    folder.mkdir(parents=True, exist_ok=True)
    async with chromium() as browser:
        for name in names or PICTURES:
            file = await take(browser, name, folder)
            sys.stdout.write(f"{file} {file.stat().st_size // 1000} kB\n")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2:]))

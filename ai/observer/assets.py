"""The page's own files (styles, scripts, fonts): read once, served compressed, cached by what they contain."""

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from starlette.requests import Request
from starlette.responses import Response

from ai.observer.answers import accepts_gzip, problem

FOLDER = files("ai.observer") / "static"
FOREVER = "public, max-age=31536000, immutable"
A_DAY = "public, max-age=86400"
COMPRESSED = (".css", ".js", ".svg")
TYPES = {".woff2": "font/woff2", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is served; `version` changes with its content."""

    body: bytes
    zipped: bytes | None
    media_type: str
    version: str


class Assets:
    """All files under `static/`, in memory (about 150 kB)."""

    def __init__(self, folder: Traversable = FOLDER) -> None:
        self._assets = dict(_load(folder, ""))

    def url(self, path: str) -> str:
        """Return the address of `path` with its version; raises KeyError where there is no such file."""
        return f"/static/{path}?v={self._assets[path].version}"

    def serve(self, request: Request, path: str) -> Response:
        """Answer a request for `path`."""
        asset = self._assets.get(path)
        if asset is None:
            return problem(404, f"no file {path[:100]!r} here")
        named = request.query_params.get("v") == asset.version
        headers = {
            "etag": f'"{asset.version}"',
            "cache-control": FOREVER if named else A_DAY,
            "vary": "Accept-Encoding",
        }
        if request.headers.get("if-none-match", "").removeprefix("W/") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        if asset.zipped is not None and accepts_gzip(request):
            return Response(asset.zipped, 200, headers | {"content-encoding": "gzip"}, asset.media_type)
        return Response(asset.body, 200, headers, asset.media_type)


def _load(folder: Traversable, prefix: str) -> list[tuple[str, Asset]]:
    found: list[tuple[str, Asset]] = []
    for entry in folder.iterdir():
        path = f"{prefix}{entry.name}"
        if entry.is_dir():
            found += _load(entry, f"{path}/")
            continue
        body = entry.read_bytes()
        suffix = "." + entry.name.rpartition(".")[2]
        media_type = TYPES.get(suffix) or mimetypes.guess_type(entry.name)[0] or "text/plain"
        zipped = gzip.compress(body, 9, mtime=0) if suffix in COMPRESSED else None
        found.append((path, Asset(body, zipped, media_type, hashlib.sha256(body).hexdigest()[:12])))
    return found

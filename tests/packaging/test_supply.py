"""What is installed and built on: believed by hash, for each platform; base images by a digest that can be moved."""

import json
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LISTS = ("requirements.txt", "requirements-dev.txt", "requirements-build.txt")
PIN = re.compile(r"^(?P<name>[a-z0-9.-]+)(?:\[[\w,-]+\])?==(?P<version>[^ ;\\]+)")
DIGEST = "sha256:" + "5a" * 32


def pins(name: str) -> dict[str, tuple[str, int]]:
    """Every pin of one list: its version and how many hashes it has."""
    found: dict[str, tuple[str, int]] = {}
    last = ""
    for line in (ROOT / name).read_text().splitlines():
        if pin := PIN.match(line):
            last = pin["name"]
            found[last] = (pin["version"], 0)
        elif line.strip().startswith("--hash=sha256:"):
            found[last] = (found[last][0], found[last][1] + 1)
    return found


@pytest.mark.parametrize("name", LISTS)
def test_every_requirement_has_hashes(name: str) -> None:
    """pip would otherwise install whatever an index hands out under the name."""
    assert pins(name)
    assert [pin for pin, (_, hashes) in pins(name).items() if hashes == 0] == []
    lines = (ROOT / name).read_text().splitlines()
    assert [line for line in lines if line and line[0] not in "# " and not PIN.match(line)] == []


def test_what_is_tested_is_what_is_shipped() -> None:
    shipped, tested = pins("requirements.txt"), pins("requirements-dev.txt")
    assert {name: version for name, (version, _) in shipped.items()} == {
        name: version for name, (version, _) in tested.items() if name in shipped
    }


def test_everything_that_the_project_names_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    name = re.compile(r"[a-z0-9-]+")
    for wanted, listed in (
        (project["project"]["dependencies"], "requirements.txt"),
        (project["project"]["optional-dependencies"]["dev"], "requirements-dev.txt"),
        (project["dependency-groups"]["build"], "requirements-build.txt"),
    ):
        assert [found[0] for line in wanted if (found := name.match(line)) and found[0] not in pins(listed)] == []


def test_nothing_is_installed_without_its_hash() -> None:
    for file in ("Makefile", "Dockerfile"):
        for line in (ROOT / file).read_text().splitlines():
            if re.search(r"pip\b.* install ", line.partition("## ")[0]):
                assert "--require-hashes" in line or "--no-deps --no-build-isolation -e ." in line, line


@pytest.fixture
def registry() -> Iterator[str]:
    """A registry of images with its token service, which knows `python` and `postgres` and wants a token."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200, json.dumps({"token": self.path.partition("scope=")[2]}).encode())

        def do_HEAD(self) -> None:
            repository = self.path.removeprefix("/v2/").partition("/manifests/")[0]
            if self.headers["Authorization"] != f"Bearer repository:{repository}:pull":
                self._answer(401)
            elif "image.index" not in self.headers["Accept"] or repository not in {
                "library/python",
                "library/postgres",
            }:
                self._answer(404)
            else:
                self._answer(200, digest=DIGEST)

        def _answer(self, status: int, body: bytes = b"", digest: str = "") -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            if digest:
                self.send_header("Docker-Content-Digest", digest)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def move_digests(folder: Path, registry: str) -> subprocess.CompletedProcess[str]:
    environ = {"REGISTRY": registry, "REGISTRY_AUTH": f"{registry}/token?service=tests"}
    command = [sys.executable, ROOT / ".ci/digests.py", folder]
    return subprocess.run(command, capture_output=True, text=True, env=environ, timeout=60, check=False)


def test_base_images_are_pinned_to_what_their_tags_mean_today(registry: str, tmp_path: Path) -> None:
    """A tag is whatever its registry says this morning; a digest is one image, and moving it is a commit."""
    for name in ("Dockerfile", "docker-compose.yml"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    for _ in range(2):  # the second time, digests that stand there are moved
        done = move_digests(tmp_path, registry)
        assert done.returncode == 0, done.stderr
        dockerfile = (tmp_path / "Dockerfile").read_text()
        assert re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE) == [f"python:3.12-slim@{DIGEST}"] * 2
        assert f"FROM python:3.12-slim@{DIGEST} AS build" in dockerfile
        compose = (tmp_path / "docker-compose.yml").read_text()
        assert f"image: postgres:17-alpine@{DIGEST}\n" in compose
        assert "image: genesis:local\n" in compose
        dockerfile = dockerfile.replace(DIGEST, "sha256:" + "00" * 32)
        (tmp_path / "Dockerfile").write_text(dockerfile)


def test_a_registry_that_cannot_be_asked_changes_nothing(tmp_path: Path) -> None:
    for name in ("Dockerfile", "docker-compose.yml"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    done = move_digests(tmp_path, "http://127.0.0.1:9")
    assert done.returncode == 1
    assert done.stderr.startswith("digests: nothing was changed")
    assert done.stderr.count("\n") == 1
    assert (tmp_path / "Dockerfile").read_text() == (ROOT / "Dockerfile").read_text()

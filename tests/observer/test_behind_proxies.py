"""The documented set-ups for Caddy and nginx, run as they stand: signing in, TLS's cookie, the stream, the visitors."""

import asyncio
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from tests.observer.conftest import TOKEN, Serve, Served
from tests.world.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
SETTINGS = {"PUBLIC_URL": "https://genesis.example", "TRUSTED_PROXIES": "127.0.0.1 ::1"}
NAMED = {"host": "genesis.example"}
FROM_ITS_PAGE = NAMED | {"origin": "https://genesis.example", "sec-fetch-site": "same-origin"}
LEFT_SECONDS = 30.0  # a proxy that does not pass on that a visitor has left keeps a place for a minute
CADDY_HERE = """{{
	admin off
	local_certs
	skip_install_trust
	auto_https disable_redirects
	https_port {port}
	storage file_system {folder}
}}
"""
NGINX_HERE = """daemon off; pid {folder}/pid; error_log {folder}/error.log; events {{}}
http {{ access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
fastcgi_temp_path {folder}/fast; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
{server}
}}
"""


def caddy(folder: Path, port: int, behind: str) -> list[str]:
    example = (EXAMPLES / "Caddyfile").read_text().replace("127.0.0.1:8085", behind)
    (folder / "Caddyfile").write_text(CADDY_HERE.format(port=port, folder=folder / "caddy") + example)
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


def nginx(folder: Path, port: int, behind: str) -> list[str]:
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=genesis.example",
         "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True,
    )  # fmt: skip
    server = (
        (EXAMPLES / "nginx.conf").read_text()
        .replace("127.0.0.1:8085", behind)
        .replace("443 ssl", f"127.0.0.1:{port} ssl")
        .replace("/etc/ssl/genesis.example/fullchain.pem", str(certificate))
        .replace("/etc/ssl/genesis.example/privkey.pem", str(key))
    )  # fmt: skip
    (folder / "nginx.conf").write_text(NGINX_HERE.format(folder=folder, server=server))
    return ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@asynccontextmanager
async def visitor(port: int, address: str = "127.0.0.5") -> AsyncIterator[httpx2.AsyncClient]:
    """A browser that asks the proxy for genesis.example, from an address of its own."""
    transport = httpx2.AsyncHTTPTransport(verify=False, local_address=address)
    async with httpx2.AsyncClient(transport=transport, base_url=f"https://127.0.0.1:{port}", timeout=20) as client:

        async def name_it(request: httpx2.Request) -> None:
            request.extensions["sni_hostname"] = "genesis.example"

        client.event_hooks = {"request": [name_it]}
        yield client


@asynccontextmanager
async def behind(proxy: str, served: Served, folder: Path) -> AsyncIterator[int]:
    program = shutil.which(proxy)
    if program is None:
        pytest.skip(f"{proxy} is not installed here")
    port = free_port()
    _, *options = {"caddy": caddy, "nginx": nginx}[proxy](folder, port, served.url.removeprefix("http://"))
    environ = {"PATH": "/usr/bin:/usr/sbin:/bin", "HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    with (folder / "said").open("w") as said:
        process = await asyncio.create_subprocess_exec(program, *options, stdout=said, stderr=said, env=environ)
    try:
        async with visitor(port) as client:

            async def serves() -> bool:
                assert process.returncode is None, (folder / "said").read_text()
                try:
                    return (await client.get("/healthz", headers=NAMED)).status_code == 200
                except httpx2.HTTPError:
                    return False

            await until(serves)
        yield port
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@pytest.mark.parametrize("proxy", ["caddy", "nginx"])
async def test_the_documented_set_up_works(proxy: str, serve: Serve, tmp_path: Path) -> None:
    served = await serve(**SETTINGS)
    async with behind(proxy, served, tmp_path) as port, visitor(port) as client:
        answer = await client.post("/caretaker/sign-in", data={"token": TOKEN}, headers=FROM_ITS_PAGE)
        assert answer.status_code == 303, answer.text
        assert answer.headers["location"] == "/caretaker"
        assert "; secure" in answer.headers["set-cookie"].lower()
        cookie = answer.headers["set-cookie"].split(";", 1)[0]
        page = await client.get("/caretaker", headers=NAMED | {"cookie": cookie})
        assert "Sign out" in page.text
        foreign = await client.post(
            "/caretaker/sign-in", data={"token": TOKEN}, headers=NAMED | {"origin": "https://evil.example"}
        )
        assert foreign.status_code == 403
        assert (await client.get("/money/", headers=NAMED)).headers["location"] == "/money"
        async with client.stream("GET", "/api/stream", headers=NAMED) as stream, asyncio.timeout(10):
            lines = stream.aiter_lines()
            await anext(lines)
            seq = served.app.tell("thought", text="told at once").seq
            async for line in lines:
                if line == f"id: {seq}":
                    break
        async with asyncio.timeout(LEFT_SECONDS):
            await until(lambda: not served.server._app.state.view.tail.readers)
        wrong = NAMED | {"authorization": "Bearer not the token at all"}
        codes = [(await client.get("/api/state", headers=wrong)).status_code for _ in range(11)]
        assert codes == [401] * 10 + [429]
        async with visitor(port, "127.0.0.6") as another:
            assert (await another.get("/api/state", headers=wrong)).status_code == 401, "each visitor counts alone"

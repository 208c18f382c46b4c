"""A life file is whole at any moment, and a broken one is kept."""

import json
import signal
import subprocess
import sys

import pytest
from tinydb import TinyDB

from ai.life.storage import Encoder, LifeFileBroken, LifeFileUnwritable, LifeStorage, decode, peek, previous


@pytest.fixture
def told():
    return []


def open_database(path, told):
    return TinyDB(path, storage=LifeStorage, tell=told.append)


def test_documents_survive_a_reopening_and_a_person_can_read_them(tmp_path, told):
    path = tmp_path / "0001.json"
    with open_database(path, told) as database:
        database.table("life").insert({"name": "Ada", "pronoun": "she"})
        database.table("memories").insert({"text": "Rain ☔ on the window"})
        database.table("memories").insert({"text": "a lone surrogate \udc80"})
    lines = path.read_text(encoding="utf-8").splitlines()
    assert '  "name": "Ada",' in lines
    assert '"1": {"text": "Rain ☔ on the window"},' in lines
    with open_database(path, told) as database:
        assert database.table("memories").get(doc_id=2)["text"] == "a lone surrogate \udc80"
    assert told == []
    assert (path.stat().st_mode & 0o777) == 0o600


def test_a_broken_file_is_kept_and_the_previous_state_serves(tmp_path, told):
    path = tmp_path / "0001.json"
    with open_database(path, told) as database:
        database.table("life").insert({"beats": 1})
        database.table("life").update({"beats": 2})
    path.write_bytes(path.read_bytes()[:20])
    assert peek(path)["life"]["1"] == {"beats": 1}
    with open_database(path, told) as database:
        assert database.table("life").get(doc_id=1)["beats"] == 1
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["0001.json", "0001.json.corrupt-1", "0001.json.previous"]
    assert "is broken" in told[0]
    assert "kept as 0001.json.corrupt-1" in told[0]
    assert "taken back from 0001.json.previous" in told[1]


def test_with_no_good_copy_both_are_kept_and_the_error_says_so(tmp_path, told):
    path = tmp_path / "0001.json"
    path.write_text("{}")
    previous(path).write_text("not JSON")
    with pytest.raises(LifeFileBroken, match=r"kept as 0001.json.corrupt-1, 0001.json.previous.corrupt-1"):
        open_database(path, told).table("life").all()
    assert (tmp_path / "0001.json.corrupt-1").read_text() == "{}"
    with pytest.raises(LifeFileBroken, match="cannot be read"):
        peek(path)


def test_a_file_cut_anywhere_is_noticed():
    body = Encoder().encode({"life": {"1": {"name": "Ada"}}, "memories": {"1": {"text": "x"}, "2": {"text": "y"}}})
    assert decode(body) == json.loads(body)
    for length in range(len(body) - 2):
        with pytest.raises(ValueError):  # noqa: PT011 - any message will do, it is shown as it is
            decode(body[:length])


def test_lines_are_made_again_only_for_what_changed():
    encoder = Encoder()
    data = {"life": {"1": {"beats": 1}}, "memories": {"1": {"text": "x"}, "2": {"text": "y"}}}
    assert decode(encoder.encode(data)) == data
    data["life"]["1"]["beats"] = 2
    data["memories"]["3"] = {"text": "z"}
    del data["memories"]["1"]
    data["memories"]["2"] = {"text": "Y"}
    assert decode(encoder.encode(data)) == data
    assert encoder.encode(data) == Encoder().encode(data)


def test_writes_inside_together_are_saved_once(tmp_path, told):
    path = tmp_path / "0001.json"
    with open_database(path, told) as database:
        table = database.table("memories")
        with database.storage.together():
            table.insert({"text": "one"})
            table.insert({"text": "two"})
            assert not path.exists()
            assert len(table) == 2
        assert len(peek(path)["memories"]) == 2


def test_a_failed_save_leaves_the_last_good_state_and_the_next_one_catches_up(tmp_path, told):
    path = tmp_path / "0001.json"
    with open_database(path, told) as database:
        table = database.table("memories")
        table.insert({"text": "one"})
        blocked = tmp_path / "0001.json.new"
        blocked.mkdir()  # what is written aside cannot be made: as with a read-only folder
        with pytest.raises(LifeFileUnwritable, match="could not be saved"):
            table.insert({"text": "two"})
        assert len(peek(path)["memories"]) == 1
        blocked.rmdir()
        table.insert({"text": "three"})
    assert [m["text"] for m in peek(path)["memories"].values()] == ["one", "two", "three"]


WRITER = """
import sys
from pathlib import Path
from tinydb import TinyDB
from ai.life.storage import LifeStorage
table = TinyDB(Path(sys.argv[1]), storage=LifeStorage, tell=print).table("memories")
print("ready", flush=True)
for number in range(100_000):
    table.insert({"number": number, "text": "x" * 500})
    print(number, flush=True)
"""


def test_kill_9_while_writing_never_leaves_a_broken_file(tmp_path, told):
    path = tmp_path / "0001.json"
    for lived in (1, 7, 23):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE) as child:
            for _ in range(lived + 1):
                last = child.stdout.readline()
            child.send_signal(signal.SIGKILL)
        with open_database(path, told) as database:
            assert max(m["number"] for m in database.table("memories")) >= int(last)
    assert told == []

"""The workspace holds text files of its own and nothing else: no link, no path and no file leads out of it."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ai.life.workspace import MAX_FILE_BYTES, MAX_FILES, MAX_TOTAL_BYTES, Workspace, WorkspaceRefused


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("secret")
    return outside


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "workspace").mkdir()
    return tmp_path / "workspace"


@pytest.fixture
def workspace(root: Path) -> Workspace:
    return Workspace(root)


@pytest.mark.parametrize(
    "path",
    [
        *("", ".", "..", "/etc/passwd", "../outside/secret.txt", "a/../../outside/secret.txt", "a//b", "a/", "~/x"),
        *(
            ".hidden",
            "a\x00b",
            "a\nb",
            "con:",
            "a\\b",
            "x" * 65,
            "a/b/c/d/e.txt",
            "ends.",
            "ends ",
            "..\u2215x",
            "\uff41",
        ),
        "-rf",
    ],
)
def test_a_path_that_is_no_plain_name_is_refused_with_what_would_be(workspace: Workspace, path: str) -> None:
    for touch in (lambda: workspace.read(path), lambda: workspace.write(path, "x")):
        with pytest.raises(WorkspaceRefused) as refused:
            touch()
        assert "\n" not in str(refused.value)


def test_no_link_is_followed_wherever_it_stands(workspace: Workspace, root: Path, secret: Path) -> None:
    (root / "file.txt").symlink_to(secret / "secret.txt")
    (root / "folder").symlink_to(secret)
    os.link(secret / "secret.txt", root / "hard.txt")
    for path in ("file.txt", "folder/secret.txt", "hard.txt"):
        with pytest.raises(WorkspaceRefused):
            workspace.read(path)
        with pytest.raises(WorkspaceRefused):
            workspace.write(path, "overwritten") if path != "hard.txt" else workspace.read(path)
    workspace.write("hard.txt", "mine")  # written aside and renamed: the other file keeps its text
    assert (secret / "secret.txt").read_text() == "secret"
    assert [name for name, _ in workspace.listing()] == ["hard.txt"]


def test_a_root_that_is_a_link_is_no_workspace(tmp_path: Path, secret: Path) -> None:
    (tmp_path / "linked").symlink_to(secret)
    with pytest.raises(WorkspaceRefused):
        Workspace(tmp_path / "linked").read("secret.txt")
    assert Workspace(tmp_path / "linked").listing() == []


def test_a_link_in_the_place_of_the_unfinished_file_is_not_written_through(
    workspace: Workspace, root: Path, secret: Path
) -> None:
    (root / ".unfinished").symlink_to(secret / "secret.txt")
    with pytest.raises(WorkspaceRefused):
        workspace.write("a.txt", "x")
    assert (secret / "secret.txt").read_text() == "secret"


def test_a_pipe_does_not_hang_and_a_folder_is_no_file(workspace: Workspace, root: Path) -> None:
    os.mkfifo(root / "pipe")
    (root / "folder").mkdir()
    for path in ("pipe", "folder"):
        with pytest.raises(WorkspaceRefused):
            workspace.read(path)
        with pytest.raises(WorkspaceRefused):
            workspace.write(path, "x")


@pytest.mark.parametrize("data", [b"\x00", b"\xff\xfe", b"\x89PNG\r\n\x1a\n\x00"])
def test_what_is_no_text_is_not_read(workspace: Workspace, root: Path, data: bytes) -> None:
    (root / "binary").write_bytes(data)
    with pytest.raises(WorkspaceRefused, match="not a text file"):
        workspace.read("binary")


def test_nul_is_not_written(workspace: Workspace) -> None:
    with pytest.raises(WorkspaceRefused, match="NUL"):
        workspace.write("a.txt", "a\x00b")


def test_sizes_and_numbers_are_bounded(workspace: Workspace, root: Path) -> None:
    with pytest.raises(WorkspaceRefused, match="a file holds"):
        workspace.write("big.txt", "x" * (MAX_FILE_BYTES + 1))
    (root / "huge.txt").write_bytes(b"x" * (MAX_FILE_BYTES + 1))
    with pytest.raises(WorkspaceRefused, match="larger than"):
        workspace.read("huge.txt")
    (root / "huge.txt").write_bytes(b"x" * (MAX_TOTAL_BYTES - 10))
    with pytest.raises(WorkspaceRefused, match="are left"):
        workspace.write("a.txt", "x" * 11)
    assert workspace.write("a.txt", "x" * 10) == 10
    (root / "huge.txt").unlink()
    for n in range(MAX_FILES - 1):
        (root / f"f{n}").touch()
    with pytest.raises(WorkspaceRefused, match="write into one of them"):
        workspace.write("one-more.txt", "x")
    assert workspace.write("a.txt", "again") == 5


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.text(st.sampled_from("ab./\\~ -_\x00\n9"), max_size=12), text=st.text(max_size=30))
def test_nothing_is_ever_written_outside(workspace: Workspace, tmp_path: Path, path: str, text: str) -> None:
    before = {entry for entry in tmp_path.rglob("*") if (tmp_path / "workspace") not in entry.parents}
    try:
        workspace.write(path, text)
    except WorkspaceRefused:
        pass
    else:
        assert workspace.read(path) == text
    after = {entry for entry in tmp_path.rglob("*") if (tmp_path / "workspace") not in entry.parents}
    assert after == before

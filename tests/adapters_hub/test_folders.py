"""Folders appear completely or not at all, whatever goes wrong, and names in manifests stay inside the folder."""

from __future__ import annotations

import errno
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from adapters_hub import AdaptersHubError, ModuleFormatError, durable
from adapters_hub.durable import remove_leftovers
from adapters_hub.folders import cache_folder, inner_path, write_folder, write_text
from tests.conftest import file_limit


def _snapshot(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """An existing folder at the place where a new one will be written."""
    folder = tmp_path / "module"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "weights").write_bytes(b"old")
    return folder


def test_the_folder_is_not_there_before_it_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "down" / "module"
    with write_folder(target) as folder:
        (folder / "file").write_text("new", encoding="utf-8")
        assert not target.exists()
    assert _snapshot(target) == {"file": b"new"}
    assert [path.name for path in target.parent.iterdir()] == ["module"]


@pytest.mark.parametrize("error", [RuntimeError("a fault"), KeyboardInterrupt(), SystemExit(1)])
@pytest.mark.parametrize("replace", [True, False])
def test_an_exception_leaves_nothing_behind(tmp_path: Path, error: BaseException, replace: bool) -> None:
    with pytest.raises(type(error)), write_folder(tmp_path / "module", replace=replace) as folder:
        (folder / "file").write_text("half", encoding="utf-8")
        raise error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [RuntimeError("a fault"), KeyboardInterrupt()])
def test_an_exception_keeps_the_old_folder(old: Path, error: BaseException) -> None:
    with pytest.raises(type(error)), write_folder(old, replace=True) as folder:
        (folder / "file").write_text("half", encoding="utf-8")
        raise error
    assert _snapshot(old.parent) == {"module/inner/weights": b"old"}


def test_a_full_disk_is_told_in_one_line_and_keeps_the_old_folder(old: Path) -> None:
    with (
        pytest.raises(AdaptersHubError, match=r"module was not written \(No space left on device\).*untouched"),
        write_folder(old, replace=True) as folder,
    ):
        (folder / "file").write_text("half", encoding="utf-8")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert _snapshot(old.parent) == {"module/inner/weights": b"old"}


@pytest.mark.parametrize("writer", ["python", "safetensors"])
def test_a_write_that_the_system_refuses_keeps_the_old_folder(old: Path, writer: str) -> None:
    with (
        pytest.raises(AdaptersHubError, match=r"was not written \(.*File too large.*untouched"),
        file_limit(4096),
        write_folder(old, replace=True) as folder,
    ):
        if writer == "python":
            (folder / "file").write_bytes(bytes(100_000))
        else:
            save_file({"weight": torch.zeros(100_000)}, folder / "file.safetensors")
    assert _snapshot(old.parent) == {"module/inner/weights": b"old"}


def test_a_failure_of_the_last_rename_puts_the_old_folder_back(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if target == old and self.parent.name != "replaced":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return rename(self, target)

    monkeypatch.setattr(durable, "_exchange", lambda one, other: False)  # as on systems that cannot exchange two paths
    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(AdaptersHubError, match="untouched"), write_folder(old, replace=True) as folder:
        (folder / "file").write_text("new", encoding="utf-8")
    assert _snapshot(old.parent) == {"module/inner/weights": b"old"}
    assert [path.name for path in old.parent.iterdir()] == ["module"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems may not exchange names")
def test_a_reader_finds_a_whole_folder_at_any_moment_of_a_hundred_replacements(old: Path) -> None:
    (old / "inner" / "weights").unlink()
    (old / "inner").rmdir()
    for name in ("file", "other"):
        (old / name).write_text("0", encoding="utf-8")
    seen: list[set[str]] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            number = os.open(old, os.O_RDONLY)  # raises if the file is missing
            seen.append(set(os.listdir(number)))  # noqa: PTH208
            os.close(number)

    with ThreadPoolExecutor() as pool:
        reading = pool.submit(read)
        for count in range(100):
            with write_folder(old, replace=True) as folder:
                for name in ("file", "other"):
                    (folder / name).write_text(str(count), encoding="utf-8")
        stop.set()
        reading.result()
    assert {"file", "other"} in seen
    assert _snapshot(old.parent) == {"module/file": b"99", "module/other": b"99"}


def die_in(function: str, action: Callable[[], None]) -> None:
    """Run an action in a child that dies silently just before `os.FUNCTION` runs."""
    child = os.fork()
    if child == 0:
        setattr(os, function, lambda *args, **kwargs: os._exit(9))
        action()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


@pytest.mark.parametrize("moment", ["fsync", "replace", "rmdir"])
@pytest.mark.parametrize("kind", ["folder", "text"])
def test_what_a_killed_process_leaves_goes_with_the_next_write(old: Path, moment: str, kind: str) -> None:
    def write(text: str) -> None:
        if kind == "text":
            write_text(old.parent / "note", text)
            return
        with write_folder(old, replace=True) as folder:
            (folder / "file").write_text(text, encoding="utf-8")

    die_in(moment, lambda: write("killed"))
    assert [path.name for path in old.parent.iterdir() if path.name.startswith(".")]
    before = _snapshot(old)
    assert before in ({"inner/weights": b"old"}, {"file": b"killed"})
    write("last")
    assert sorted(path.name for path in old.parent.iterdir()) == (["module", "note"] if kind == "text" else ["module"])
    assert b"last" in _snapshot(old.parent).values()


def test_a_kill_between_the_two_renames_is_undone_by_the_next_write(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed() -> None:
        monkeypatch.setattr(durable, "_exchange", lambda one, other: False)
        monkeypatch.setattr(durable, "_replace_in_two_steps", lambda finished, target: moved(finished, target))
        with write_folder(old, replace=True):
            pass

    def moved(finished: Path, target: Path) -> None:
        (finished.parent / "replaced").mkdir()
        target.rename(finished.parent / "replaced" / target.name)
        os._exit(9)

    die_in("abort", killed)
    assert not old.exists()
    write_text(old.parent / "note", "text")
    assert _snapshot(old.parent) == {"module/inner/weights": b"old", "note": b"text"}


def test_what_a_living_process_writes_and_what_others_made_stays(old: Path) -> None:
    foreign = old.parent / ".module.mine.unfinished"
    foreign.mkdir()
    (foreign / "diary").write_text("not yours", encoding="utf-8")
    with write_folder(old, replace=True) as folder:
        (folder / "file").write_text("new", encoding="utf-8")
        remove_leftovers(old.parent)
        assert (folder / "file").read_text(encoding="utf-8") == "new"
    assert _snapshot(old.parent) == {"module/file": b"new", ".module.mine.unfinished/diary": b"not yours"}


def test_replacing_leaves_only_the_new_folder(old: Path) -> None:
    with write_folder(old, replace=True) as folder:
        (folder / "file").write_text("new", encoding="utf-8")
        assert (old / "inner" / "weights").read_bytes() == b"old"
    assert _snapshot(old.parent) == {"module/file": b"new"}


def test_an_existing_folder_is_refused_before_anything_is_written(old: Path) -> None:
    with pytest.raises(AdaptersHubError, match="exists already: delete it, choose another"), write_folder(old):
        pytest.fail("the body must not run")
    assert _snapshot(old.parent) == {"module/inner/weights": b"old"}


def test_without_replace_a_folder_written_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "module"
    with pytest.raises(AdaptersHubError, match="was not written"), write_folder(target) as folder:
        (folder / "file").write_text("mine", encoding="utf-8")
        target.mkdir()
        (target / "file").write_text("theirs", encoding="utf-8")
    assert _snapshot(tmp_path) == {"module/file": b"theirs"}


def test_two_writers_of_the_same_folder_both_succeed_with_replace(tmp_path: Path) -> None:
    target = tmp_path / "module"
    with write_folder(target, replace=True) as first, write_folder(target, replace=True) as second:
        (first / "file").write_text("first", encoding="utf-8")
        (second / "file").write_text("second", encoding="utf-8")
    assert _snapshot(tmp_path) == {"module/file": b"first"}


def test_a_place_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(AdaptersHubError, match="cannot write beside"), write_folder(tmp_path / "file" / "module"):
        pytest.fail("the body must not run")


def test_others_may_read_what_the_umask_lets_them(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with write_folder(tmp_path / "module") as folder:
            (folder / "inner").mkdir()
            save_file({"weight": torch.zeros(1)}, folder / "inner" / "file.safetensors")
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert modes == {"module": 0o750, "inner": 0o750, "file.safetensors": 0o640}


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/passwd", "", "..", "a\\..\\x", "C:x", "a/../b"])
def test_a_name_that_could_leave_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModuleFormatError, match="leaves the module folder"):
        inner_path(tmp_path, name)


def test_a_symbolic_link_is_refused_wherever_it_is_in_the_name(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "file").write_text("", encoding="utf-8")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "alias").symlink_to(tmp_path / "real" / "file")
    assert inner_path(tmp_path, "real/file") == tmp_path / "real" / "file"
    for name in ("link", "link/file", "real/alias"):
        with pytest.raises(ModuleFormatError, match="symbolic link"):
            inner_path(tmp_path, name)


def test_the_cache_folder_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MSE_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "modular-sentence-encoders"
    monkeypatch.setenv("MSE_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"

"""Folders appear whole or not at all, whatever goes wrong, and names in manifests stay inside."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from adapters_hub import AdaptersHubError, ModuleFormatError
from adapters_hub.folders import cache_folder, inner_path, write_folder
from tests.conftest import file_limit


def _snapshot(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A finished folder that stands where a new one is to be written."""
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
        if self.name.endswith(".unfinished"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(AdaptersHubError, match="untouched"), write_folder(old, replace=True) as folder:
        (folder / "file").write_text("new", encoding="utf-8")
    assert _snapshot(old.parent) == {"module/inner/weights": b"old"}
    assert [path.name for path in old.parent.iterdir()] == ["module"]


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

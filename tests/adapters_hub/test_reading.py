"""Files that users name: plain UTF-8 files of bounded depth are read; anything else is a one-line error."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from adapters_hub import AdaptersHubError, InputTextError
from adapters_hub.folders import cache_folder
from adapters_hub.json_files import parse_json
from adapters_hub.reading import check_regular, files_below, read_json, read_text


def test_what_is_no_plain_file_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    for name, told in (("pipe", "a pipe or a device"), ("device", "a pipe"), ("", "a folder"), ("none", "No such")):
        for read in (check_regular, read_text, read_json):
            with pytest.raises(AdaptersHubError, match=told) as caught:
                read(tmp_path / name)
            assert "\n" not in str(caught.value)
    with pytest.raises(AdaptersHubError, match="cannot be read"):
        check_regular("a\0b")


def test_text_of_another_encoding_and_json_that_is_none_are_told(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes('{"a": "für"}'.encode("latin-1"))
    with pytest.raises(AdaptersHubError, match="is not UTF-8 .*: save it as UTF-8"):
        read_json(path)
    for content in ("{", "[" * 200_000, '{"a":' * 200_000):
        path.write_text(content)
        with pytest.raises(AdaptersHubError, match=r"x\.json is not JSON \("):
            read_json(path)
        with pytest.raises(ValueError, match="nested too deeply|Expecting"):
            parse_json(content)


def test_folders_are_walked_however_deep_and_hidden_files_left_out(tmp_path: Path) -> None:
    for name in ("b.txt", ".hidden", "_note", "a/x.txt", "a/.git/y.txt", "_cache/z.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "loop").symlink_to(tmp_path)
    folders = [f"{tmp_path}{'/d' * depth}" for depth in range(1, 1201)]  # deeper than Python's recursion limit
    for folder in folders:
        os.mkdir(folder)  # noqa: PTH102
    Path(f"{folders[-1]}/end.txt").write_text("")
    try:
        names = [os.path.relpath(path, tmp_path) for path in files_below(tmp_path)]
    finally:
        os.unlink(f"{folders[-1]}/end.txt")  # noqa: PTH108
        for folder in reversed(folders):  # deleted here, because pytest's clean-up would recurse
            os.rmdir(folder)  # noqa: PTH106
    assert names == ["b.txt", "a/x.txt", f"{'d/' * 1200}end.txt"]


def test_an_error_is_one_line_of_bounded_length_that_ends_with_what_to_do() -> None:
    for value in ("x" * 3_000_000, "line\nbreak\u2028" * 300_000, "'" * 1_000_000):
        message = str(InputTextError(f"there is no {value!r}, only these {value}: choose another"))
        assert len(message) < 3000
        assert message.startswith("there is no ")
        assert message.endswith(": choose another")
        assert len(message.splitlines()) == 1


@pytest.mark.parametrize("given", ["", "relative/cache"])
def test_a_cache_that_is_no_absolute_path_is_the_one_at_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: str
) -> None:
    monkeypatch.delenv("MSE_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", given)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "modular-sentence-encoders"


def test_a_home_folder_is_asked_for_only_where_it_is_needed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def none() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", none)
    monkeypatch.delenv("MSE_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder().parent == tmp_path
    monkeypatch.delenv("XDG_CACHE_HOME")
    with pytest.raises(AdaptersHubError, match="there is no home folder for the cache: set MSE_CACHE"):
        cache_folder()

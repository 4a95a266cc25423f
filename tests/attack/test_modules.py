"""Every hostile module is refused in one line by one of the library's errors, within memory and time."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from adapters_hub import AdaptersHubError, AlignmentAdapter, LanguageModule, load_module
from tests.adapters_hub.conftest import Shelf
from tests.attack.mutations import ADAPTER, BESIDE, LANGUAGE, seal

_LONGEST_LINE = 2000
_CPU_SECONDS = 240
_MEMORY = 6 << 30
_CHILD = """
import json, re, resource, sys, time
resource.setrlimit(resource.RLIMIT_AS, ({memory}, {memory}))
resource.setrlimit(resource.RLIMIT_CPU, ({seconds}, {seconds}))
from adapters_hub import AdaptersHubError, load_module
from adapters_hub.hub.connecting import connect
for folder in sys.argv[1:]:
    start = time.process_time()
    try:
        load_module(folder)
        said = None
    except AdaptersHubError as error:
        said = str(error)
    print(json.dumps([said, time.process_time() - start]), flush=True)
# getrusage would report the larger of this process and of the one that started it.
print(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
"""


def test_all_in_one_process_with_a_budget(shelf: Shelf, tmp_path: Path) -> None:
    """One process loads all modules, so that whatever one leaves behind would show in the next."""
    hostile: dict[str, Path] = {}
    for sound, mutations in ((shelf.deu, LANGUAGE), (shelf.deu_both, ADAPTER)):
        for number, (name, mutate) in enumerate(mutations.items()):
            folder = Path(shutil.copytree(sound.folder, tmp_path / f"{sound.folder.name}{number}"))
            mutate(folder)
            hostile[name] = folder
    sound_folders = [shelf.deu.folder, shelf.deu_both.folder]
    for number, mutate in enumerate(BESIDE.values()):
        sound_folders.append(Path(shutil.copytree(shelf.deu.folder, tmp_path / f"beside{number}")))
        mutate(sound_folders[-1])
    command = [sys.executable, "-c", _CHILD.format(memory=_MEMORY, seconds=_CPU_SECONDS)]
    done = subprocess.run(
        [*command, *map(str, (*hostile.values(), *sound_folders))], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    *lines, memory = done.stdout.splitlines()
    answers = [json.loads(line) for line in lines]
    assert len(answers) == len(hostile) + len(sound_folders)
    taken = {name: said for name, (said, _) in zip(hostile, answers, strict=False) if said is None}
    assert not taken
    for name, (said, seconds) in zip(hostile, answers, strict=False):
        assert len(said) <= _LONGEST_LINE, name
        assert len(said.splitlines()) == 1, name
        assert "\x1b" not in said, name
        assert seconds < 20, name
    assert not any(said for said, _ in answers[len(hostile) :])
    assert int(memory) < 1 << 20  # in kilobytes
    assert "panicked" not in done.stderr


def test_the_generator_leaves_a_sound_module_sound(shelf: Shelf, tmp_path: Path) -> None:
    for sound, kind in ((shelf.deu, LanguageModule), (shelf.deu_both, AlignmentAdapter)):
        folder = Path(shutil.copytree(sound.folder, tmp_path / sound.folder.name))
        seal(folder)
        assert kind.load(folder).manifest.fingerprint == sound.manifest.fingerprint


def test_a_module_for_another_base_is_refused_before_its_tensors_are_read(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(shelf.deu_both.folder, tmp_path / "aligned"))
    values = json.loads((folder / "module.json").read_text(encoding="utf-8"))
    values["base"]["fingerprint"] = "0" * 64
    (folder / "module.json").write_text(json.dumps(values), encoding="utf-8")

    def never(*_: object) -> None:
        raise AssertionError("read")

    monkeypatch.setattr("adapters_hub.modules.alignment_adapter.read_tensors", never)
    with pytest.raises(AdaptersHubError, match="was trained on base"):
        load_module(folder, base=shelf.base)

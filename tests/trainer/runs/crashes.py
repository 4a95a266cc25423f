"""Every state of the disk that a crash can leave while a phase runs, and the result of starting again from it."""

from __future__ import annotations

import dataclasses
import gc
import hashlib
import importlib
import os
import re
import shutil
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from transformers import logging

from adapters_hub import load_base
from tests.trainer.runs.launch import contents, free_port
from trainer.controls.control import CONTROLS
from trainer.monolithic import Monolithic
from trainer.runs.parsing import parse_recipe
from trainer.stage1 import Stage1
from trainer.stage2 import Stage2

Run = Callable[[Path], Any]
"""A function that runs a phase; it takes the output folder."""
_WRITES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.chmod", "open"}
_TIMES = re.compile(rb'"(seconds|seconds_per_step|tokens_per_second)": [0-9.e-]+')
_UNFINISHED = re.compile(r"\.[^./]+\.unfinished")


def phase(name: str, recipe_file: Path) -> Run:
    """The function that runs a phase of a recipe and assembles its module."""
    recipe = parse_recipe(name, name, ["--recipe", str(recipe_file)])
    base = load_base(recipe.base)

    def run(output: Path) -> None:
        own = dataclasses.replace(recipe, output_dir=str(output))
        if name == "full":
            Monolithic(own, CONTROLS["mono"]).make(base)
        elif name == "cla":
            Stage2(own, "deu", "both").make(base)
        else:
            Stage1(own, "deu").make(base)

    return run


@dataclass(frozen=True)
class Launch:
    """How a phase is started.

    Attributes:
        phase: `la`, `se`, `cla` or `full`.
        processes: number of training processes.
        machines: number of machines on which they run, each with its own disk.
        every: resume only from every n-th state of the disk.
    """

    phase: str
    processes: int = 1
    machines: int = 1
    every: int = 1

    def outputs(self, folder: Path) -> list[Path]:
        """The output folder of each process."""
        machines = [folder / f"machine{rank}" for rank in range(self.processes)]
        return machines if self.machines > 1 else [folder / "machine0"] * self.processes

    def environment(self, rank: int, port: str) -> dict[str, str]:
        """The environment that a launcher gives to a process."""
        local = self.processes // self.machines
        own = {"RANK": rank, "WORLD_SIZE": self.processes, "LOCAL_RANK": rank % local, "LOCAL_WORLD_SIZE": local}
        own |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        return {key: str(value) for key, value in own.items()} if self.processes > 1 else {}


def crash_everywhere(launch: Launch, recipe_file: Path, work: Path) -> None:
    """Simulate a crash at every write; `work/failures` lists restarts whose folder differs from the undisturbed run's.

    Args:
        launch: how the phase is started.
        recipe_file: the recipe; it has no other phase.
        work: folder for outputs, states, logs and results.
    """
    torch.set_num_threads(1)
    logging.set_verbosity_error()
    os.environ |= {"ACCELERATE_USE_CPU": "true", "TOKENIZERS_PARALLELISM": "false"}
    run = phase(launch.phase, recipe_file)
    for module in ("scipy.io", "torch.profiler"):  # imported once here rather than in every process
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # otherwise garbage collection copies the memory shared with the forked processes
    output, states = work / "out", work / "states"
    output.mkdir(parents=True)
    states.mkdir()

    def recorded(own: Path) -> None:
        _record(output, states)
        run(own)

    problems = _start(launch, recorded, work)
    expected = _without_times(output)
    found = sorted(states.iterdir(), key=lambda path: path.stat().st_mtime_ns)
    for state in found[:: launch.every]:
        shutil.rmtree(output)
        shutil.copytree(state, output)
        problem = _start(launch, run, work)
        if not problem and (got := _without_times(output)) != expected:
            differing = sorted(name for name in got.keys() | expected.keys() if got.get(name) != expected.get(name))
            problem = f"other files: {differing}"
        if problem:
            held = sorted(path.relative_to(state).as_posix() for path in state.rglob("*"))
            problems += f"{state.name}: {problem}\nafter a crash that left {held}\n"
    (work / "failures").write_text(problems, encoding="utf-8")
    (work / "count").write_text(str(len(found)), encoding="utf-8")


def _start(launch: Launch, run: Run, work: Path) -> str:
    """Run in forked processes; returns the errors."""
    port = free_port()
    children = []
    for rank, output in enumerate(launch.outputs(work / "out")):
        if (child := os.fork()) == 0:
            code = 1
            try:
                with (work / f"log{rank}").open("w") as log:
                    for number in (1, 2):
                        os.dup2(log.fileno(), number)
                os.environ |= launch.environment(rank, port)
                PartialState(cpu=True)
                run(output)
                code = 0
            except BaseException:
                traceback.print_exc()
                sys.stderr.flush()
            finally:
                os._exit(code)
        children.append(child)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    logs = [(work / f"log{rank}").read_text(encoding="utf-8") for rank, code in enumerate(codes) if code]
    return "\n".join(log[-2000:] for log in logs)


def _record(output: Path, states: Path) -> None:
    """From now on, copy the folder before every change to the disk by this process, once per state."""
    busy = False

    def before(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal busy
        if busy or event not in _WRITES or (event == "open" and not _to_write(arguments)):
            return
        busy = True
        try:
            if output.is_dir():
                _keep(output, states)
        finally:
            busy = False

    sys.addaudithook(before)


def _to_write(arguments: tuple[Any, ...]) -> bool:
    return bool(arguments[2] & (os.O_WRONLY | os.O_RDWR)) if isinstance(arguments[2], int) else False


def _keep(output: Path, states: Path) -> None:
    for _ in range(20):  # the other process may be changing the folder
        copy = states.parent / f"copy{os.getpid()}"
        try:
            shutil.copytree(output, copy)
        except (shutil.Error, OSError):
            shutil.rmtree(copy, ignore_errors=True)
            time.sleep(0.001)
            continue
        state = states / _identity(copy)
        try:
            copy.rename(state)
        except OSError:  # already saved, perhaps by the other process just now
            shutil.rmtree(copy)
        return
    raise AssertionError(f"{output} could not be copied")


def _identity(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        name = _UNFINISHED.sub(".x.unfinished", path.relative_to(folder).as_posix())
        digest.update(name.encode() + (_TIMES.sub(b"", path.read_bytes()) if path.is_file() else b"/"))
    return digest.hexdigest()[:16]


def _without_times(folder: Path) -> dict[str, bytes]:
    """Every file in a folder with its content; times are removed."""
    return {name: _TIMES.sub(b"", content) for name, content in contents(folder).items()}

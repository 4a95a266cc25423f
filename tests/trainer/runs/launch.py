"""Tiny recipes, and functions that run the stages as separate programs."""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import runpy
import socket
import subprocess
import sys
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import yaml

from tests.conftest import ROOT, SAMPLE
from tests.forked import run_python

STAGE1, STAGE2 = ROOT / "trainer" / "stage1.py", ROOT / "trainer" / "stage2.py"
MONOLITHIC = ROOT / "trainer" / "monolithic.py"
EVAL = ROOT / "eval" / "__main__.py"
PRELOADED = "tests.trainer.runs.preloaded"


@dataclass(frozen=True)
class Completed:
    """How a program ended, and what it wrote."""

    code: int
    stdout: str
    stderr: str

    def ok(self) -> Completed:
        assert self.code == 0, self.stderr
        return self

    def error_line(self) -> str:
        """The single line of a refusal."""
        assert self.code == 1, self.stderr
        assert "Traceback" not in self.stderr
        lines = [line for line in self.stderr.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1, self.stderr
        assert self.stderr.rstrip().endswith(lines[0])
        return lines[0]


def training(steps: int = 4, batch: int = 8, **changes: Any) -> dict[str, Any]:
    """Fields of TrainingArguments for a run of a few seconds."""
    values = {"max_steps": steps, "per_device_train_batch_size": batch, "learning_rate": 1e-3, "save_steps": 2}
    return values | {"logging_steps": 2, "disable_tqdm": True} | changes


def settings(base: Path, output: Path, /, **changes: Any) -> dict[str, Any]:
    """A recipe on the sample data; `changes` are merged into it section by section."""
    sample = {"path": str(SAMPLE), "limit": 40}
    own = sample | {"columns": ["{language}", "{language}_paraphrase"]}
    values: dict[str, Any] = {
        "languages": ["deu"],
        "base": str(base),
        "output_dir": str(output),
        "max_length": 64,
        "vocabulary": {"strategy": "trim", "size": 300},
        "la": {"data": own, "lora": {"rank": 2}, "max_length": 32, "training": training()},
        "se": {"data": own, "lora": {"rank": 2}, "max_length": 32, "training": training()},
        "cla": {
            "paraphrase": sample | {"columns": ["{pivot}_paraphrase", "{language}"]},
            "parallel": sample | {"columns": ["{pivot}", "{language}"]},
            "max_length": 32,
            "training": training(),
        },
    }
    return merged(values, changes)


def merged(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Merge `changes` into `values`, section by section."""
    result = dict(values)
    for key, value in changes.items():
        inner = result.get(key)
        result[key] = merged(inner, value) if isinstance(value, dict) and isinstance(inner, dict) else value
    return result


def write_recipe(path: Path, base: Path, output: Path, /, **changes: Any) -> Path:
    """Write `settings` as a YAML file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(settings(base, output, **changes)), encoding="utf-8")
    return path


def environment() -> dict[str, str]:
    """The environment of a run: one thread, no GPU (runs are compared bit by bit), our own modules."""
    threads = {"OMP_NUM_THREADS": "1", "OMP_THREAD_LIMIT": "1"}
    return os.environ | threads | {"CUDA_VISIBLE_DEVICES": "", "ACCELERATE_USE_CPU": "true", "PYTHONPATH": str(ROOT)}


def execute(*command: str | Path, variables: dict[str, str] | None = None) -> Completed:
    """Run `python COMMAND` as a new process, as a user does."""
    done = run_python(*command, env=environment() | (variables or {}))
    return Completed(done.returncode, done.stdout, done.stderr)


def accelerate(*arguments: str | Path) -> Completed:
    """Run `accelerate launch ARGUMENTS`."""
    return execute("-m", "accelerate.commands.accelerate_cli", "launch", *arguments)


def accelerate_on_two(script: Path, *arguments: str | Path) -> Completed:
    """Run `accelerate launch --cpu --num_processes 2 SCRIPT ARGUMENTS`: two processes that communicate by gloo.

    The launcher is not forked: the script reads the command line of the process that started it.
    """
    launcher = [sys.executable, "-m", "accelerate.commands.accelerate_cli", "launch", "--cpu", "--num_processes", "2"]
    command = [*launcher, "--main_process_port", free_port(), str(script), *map(str, arguments)]
    done = subprocess.run(command, env=environment(), cwd=ROOT, capture_output=True, text=True, check=False)
    return Completed(done.returncode, done.stdout, done.stderr)


def torchrun_two(script: Path, *arguments: str | Path) -> Completed:
    """Run `torchrun --nproc_per_node 2 SCRIPT ARGUMENTS` without an explicit request for the CPU."""
    launcher = ("-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", free_port())
    return execute(*launcher, script, *arguments, variables={"ACCELERATE_USE_CPU": "false"})


def free_port() -> str:
    """A free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


class Stages:
    """Runs `python SCRIPT ARGUMENTS` in processes forked from one that has already imported torch.

    The runs share nothing but the imports: every run is a fresh process with its own arguments and streams.

    Args:
        folder: folder for the runs' output streams.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([PRELOADED])
        self._count = 0

    def start(
        self,
        script: Path,
        *arguments: str | Path,
        file_limit: int | None = None,
        variables: dict[str, str] | None = None,
    ) -> BaseProcess:
        """Start a run; beyond `file_limit` bytes, the system refuses to let a file grow."""
        self._count += 1
        # The server keeps the environment of its first process; each test file has its own cache.
        own = {name: os.environ[name] for name in ("MSE_CACHE",) if name in os.environ}
        variables = own | (variables or {})
        streams = self._folder / str(self._count)
        for name in ("out", "err"):  # a run may be killed before it opens them
            Path(f"{streams}.{name}").touch()
        process = self._context.Process(
            target=_main,
            args=(str(script), [str(part) for part in arguments], str(streams), file_limit, variables),
        )
        process.name = str(streams)
        before = dict(os.environ)
        os.environ.update(environment())  # for the server, which starts with the first process
        try:
            process.start()
        finally:
            os.environ.clear()
            os.environ.update(before)
        return process

    def result(self, process: BaseProcess) -> Completed:
        """Wait for a run."""
        process.join()
        assert process.exitcode is not None
        read = [Path(f"{process.name}.{name}").read_text(encoding="utf-8") for name in ("out", "err")]
        return Completed(process.exitcode, *read)

    def run(self, script: Path, *arguments: str | Path, file_limit: int | None = None) -> Completed:
        """Start a run and wait for it."""
        return self.result(self.start(script, *arguments, file_limit=file_limit))

    def start_two(self, script: Path, *arguments: str | Path) -> list[BaseProcess]:
        """Start a run of two processes that communicate by gloo, with the environments that launchers set."""
        variables = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()}
        return [
            self.start(script, *arguments, variables=variables | {"RANK": rank, "LOCAL_RANK": rank})
            for rank in ("0", "1")
        ]

    def run_two(self, script: Path, *arguments: str | Path) -> Completed:
        """Start a run of two processes and wait for it; the output is that of the first."""
        first, second = [self.result(process) for process in self.start_two(script, *arguments)]
        second.ok()
        return first


def _main(script: str, arguments: list[str], streams: str, file_limit: int | None, variables: dict[str, str]) -> None:
    for number, name in ((1, "out"), (2, "err")):
        with Path(f"{streams}.{name}").open("wb") as file:
            os.dup2(file.fileno(), number)
    if file_limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, resource.RLIM_INFINITY))
    os.environ.update(variables)
    sys.argv = [script, *arguments]
    runpy.run_path(script, run_name="__main__")


def contents(folder: Path, suffix: str = "") -> dict[str, bytes]:
    """Every file in a folder whose name has this ending, with its bytes."""
    paths = sorted(path for path in folder.rglob(f"*{suffix}") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def weights(folder: Path) -> dict[str, bytes]:
    """The safetensors files of a module, with their bytes."""
    found = contents(folder, ".safetensors")
    assert found
    return found


def manifest(folder: Path) -> dict[str, Any]:
    """`module.json` of a module."""
    values: dict[str, Any] = json.loads((folder / "module.json").read_text(encoding="utf-8"))
    return values

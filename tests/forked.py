"""Python programs in fresh processes that need not import torch: they are forked from one that has.

What reads its environment when it is imported (huggingface_hub, transformers, datasets, and whatever imports them) is
left to the programs themselves, so that each follows the environment that it is given.
"""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
import types
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).parent.parent
LIBRARIES = (
    "httpx2",
    "jinja2",
    "langcodes",
    "numpy",
    "pandas",
    "pycountry",
    "pydantic",
    "safetensors.torch",
    "scipy.optimize",
    "sympy",
    "tokenizers",
    "torch",
    "torch.distributed.tensor",
    "typer.main",
    "yaml",
)


def run_python(*arguments: str | Path, env: Mapping[str, str], cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """What `subprocess.run([sys.executable, *arguments], capture_output=True, text=True, …)` does, without the wait."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as connection:
        streams = [Path(folder) / name for name in ("out", "err")]
        request = {"arguments": list(map(str, arguments)), "env": dict(env), "cwd": str(cwd)}
        connection.connect(_server())
        connection.sendall(json.dumps(request | {"streams": list(map(str, streams))}).encode() + b"\n")
        code = int(connection.makefile().read())
        out, err = (stream.read_text(encoding="utf-8") for stream in streams)
    return subprocess.CompletedProcess(request["arguments"], code, out, err)


@functools.cache
def _server() -> str:
    """Start the process that is forked; returns its socket."""
    folder = tempfile.mkdtemp()
    path = f"{folder}/socket"
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.forked", path],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert server.stdin is not None
    assert server.stdout is not None
    atexit.register(server.communicate)  # which ends its input, and so the server
    assert server.stdout.readline() == b"ready\n"
    return path


def _serve(path: str) -> None:
    for library in LIBRARIES:
        importlib.import_module(library)
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        print("ready", flush=True)  # noqa: T201
        while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                _supervise(connection)
            connection.close()


def _supervise(connection: socket.socket) -> NoReturn:
    """Run one program and tell its exit status."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    request = json.loads(connection.makefile().readline())
    if (child := os.fork()) == 0:
        connection.close()
        _become(**request)
    connection.sendall(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])).encode())
    os._exit(0)


def _become(arguments: list[str], env: dict[str, str], cwd: str, streams: list[str]) -> NoReturn:
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    for number, stream in enumerate((os.devnull, *streams)):
        os.dup2(os.open(stream, os.O_RDWR | os.O_CREAT), number)
    encoding = env.get("PYTHONIOENCODING", "utf-8")
    sys.stdout = open(1, "w", encoding=encoding, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding=encoding, errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
    code: object = 0
    try:
        _run(*arguments)
    except SystemExit as end:
        code = end.code
        if isinstance(code, str):
            sys.stderr.write(f"{code}\n")
    except BaseException:
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


def _run(program: str, *arguments: str) -> None:
    if program == "-c":
        sys.argv = ["-c", *arguments[1:]]
        sys.modules["__main__"] = types.ModuleType("__main__")
        exec(compile(arguments[0], "<string>", "exec"), sys.modules["__main__"].__dict__)
    elif program == "-m":
        sys.argv = list(arguments)
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = [program, *arguments]
        runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    _serve(sys.argv[1])

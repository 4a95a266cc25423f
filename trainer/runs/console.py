"""Run a training program as a command: logging, one-line errors and the exit status."""

from __future__ import annotations

import errno
import logging
import os
import sys
import time
from collections.abc import Callable

import torch
from accelerate import PartialState
from accelerate.utils import parse_flag_from_env

from adapters_hub.encoder import has_fast_bfloat16
from adapters_hub.errors import AdaptersHubError
from adapters_hub.processes import start_missing_processes, use_all_cores

logger = logging.getLogger(__name__)

_OF_THE_DISK = {
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR,
}  # fmt: skip
_PATIENCE = 10
"""Seconds by which a machine's other processes delay an error, so that its first process can report the same one."""


def run_command(command: Callable[[], None]) -> None:
    """Run a command line: log on the main process only, and report a user's mistake as one line.

    Exits with status 1 after a user's mistake or a disk failure, and with 130 after Ctrl-C.
    """
    # Unless this is set, the tokenizers library warns when data loading forks.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    try:
        start_missing_processes()
        float32 = _without_slow_bfloat16()
        # Without `cpu`, PartialState treats each of several processes on the CPU as the main process of its own run.
        # TrainingArguments creates the state again, and reads the environment for whether to use the CPU.
        cpu = parse_flag_from_env("ACCELERATE_USE_CPU") or not torch.accelerator.is_available()
        if cpu:
            os.environ["ACCELERATE_USE_CPU"] = "true"
        main = PartialState(cpu=cpu).is_main_process
        logging.basicConfig(
            format="%(message)s", level=logging.INFO if main else logging.ERROR, stream=sys.stderr, force=True
        )
        for noisy in ("httpx", "httpx2", "fsspec", "filelock", "urllib3", "accelerate", "datasets"):
            logging.getLogger(noisy).setLevel(logging.WARNING)
        if cpu:
            use_all_cores()
        if float32:
            logger.info("this processor has no bfloat16 instructions, so bfloat16 would be slow: computing in float32")
        command()
    except AdaptersHubError as error:
        _tell(str(error))
        sys.exit(1)
    except RuntimeError as error:
        if not _is_lost_connection(error):
            raise
        _tell(
            "another process has ended, or cannot be reached: its own output says why; run the same command on all "
            "machines to resume from the last checkpoint"
        )
        sys.exit(1)
    except OSError as error:
        if error.errno not in _OF_THE_DISK:
            raise
        sys.stderr.write(
            f"error: {error.filename or 'a file'} cannot be read or written ({error.strerror}): free some space or "
            "correct the permissions, or set MSE_CACHE to another cache folder; then run the same command to resume\n"
        )
        sys.exit(1)
    except KeyboardInterrupt:
        sys.stderr.write("stopped; run the same command to resume from the last checkpoint\n")
        sys.exit(130)


def _tell(message: str) -> None:
    """Report an error once per machine, whichever of its processes met it."""
    if os.environ.get("LOCAL_RANK", "0") != "0":
        time.sleep(_PATIENCE)  # if all meet the error, the first reports it and the launcher ends the others
    sys.stderr.write(f"error: {message}\n")


def _is_lost_connection(error: RuntimeError) -> bool:
    """Whether torch lost the connection to another process: NCCL's errors show it by type, gloo's by their text."""
    words = ("gloo", "Connection closed by peer", "Connection reset by peer")
    return isinstance(error, torch.distributed.DistError) or any(word in str(error) for word in words)


def _without_slow_bfloat16() -> bool:
    """Compute in float32 if the launcher asks for bfloat16 on a CPU without bfloat16 instructions; True if so."""
    cpu = parse_flag_from_env("ACCELERATE_USE_CPU") or not torch.accelerator.is_available()
    slow = cpu and os.environ.get("ACCELERATE_MIXED_PRECISION") == "bf16" and not has_fast_bfloat16("cpu")
    if slow:
        os.environ["ACCELERATE_MIXED_PRECISION"] = "no"
    return slow

"""Make `accelerate launch` on a CPU start the processes that it was asked for, on all cores."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psutil
import torch
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import launch_command_parser
from accelerate.utils import parse_flag_from_env

from adapters_hub.errors import AdaptersHubError


def start_missing_processes() -> None:
    """Go on as N processes where accelerate was asked for N on the CPU but has started one.

    Without a GPU accelerate starts several processes only through MPI (`--mpirun_hostfile`); otherwise it names a
    master for N processes, starts a single one and says nothing. Then this process becomes torch's own launcher
    (`torch.distributed.run`) of N processes, with the same script and arguments.

    Raises:
        AdaptersHubError: it cannot be found out how many were asked for.
    """
    asked_for_several = "MASTER_ADDR" in os.environ and parse_flag_from_env("ACCELERATE_USE_CPU")
    if (
        not asked_for_several
        or "RANK" in os.environ
        or "OMPI_COMM_WORLD_SIZE" in os.environ
        or "PMI_SIZE" in os.environ
    ):
        return
    count = _asked_for()
    if count is None:
        raise AdaptersHubError(
            "accelerate was asked for several processes on the CPU and has started one: use "
            "torchrun --nproc_per_node 2 in the place of accelerate launch, or --num_processes 1"
        )
    master = ["--master_addr", os.environ["MASTER_ADDR"], "--master_port", os.environ.get("MASTER_PORT", "29500")]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", str(count), *master]
    # A package that is run as a module is known by its __main__.py.
    package = sys.argv[0].endswith("__main__.py")
    script = ["-m", Path(sys.argv[0]).parent.name, *sys.argv[1:]] if package else sys.argv
    os.environ.setdefault("OMP_NUM_THREADS", str(max((os.cpu_count() or 1) // count, 1)))
    sys.stdout.flush()
    os.execv(sys.executable, [*launcher, *script])


def use_all_cores() -> None:
    """Let torch compute on all cores, shared by the processes of this machine, where the launcher has left it one.

    `accelerate launch` sets OMP_NUM_THREADS to 1 where nobody has set it, and the other cores stay idle. A value above
    1, a start without the launcher and OMP_THREAD_LIMIT are somebody's wish.
    """
    if "ACCELERATE_MIXED_PRECISION" not in os.environ or os.environ.get("OMP_NUM_THREADS") != "1":
        return
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    limit = int(os.environ.get("OMP_THREAD_LIMIT", cores))
    torch.set_num_threads(max(1, min(cores // processes, limit)))


def _asked_for() -> int | None:
    """The number of processes on the command line, or in the configuration, of the `accelerate launch` above."""
    command = psutil.Process().parent()
    words = command.cmdline() if command else []
    if "launch" not in words:
        return None
    arguments = launch_command_parser().parse_args(words[words.index("launch") + 1 :])
    if arguments.num_processes is None and arguments.config_file is not None:
        return int(load_config_from_file(arguments.config_file).num_processes)
    return arguments.num_processes and int(arguments.num_processes)

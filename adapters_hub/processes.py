"""Make `accelerate launch` on a CPU start all the processes that it was asked for, and use all cores."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import psutil
import torch
from accelerate.commands.config.config_args import default_config_file, load_config_from_file
from accelerate.commands.launch import launch_command_parser
from accelerate.utils import parse_flag_from_env

from adapters_hub.errors import AdaptersHubError


def start_missing_processes() -> None:
    """Restart as N processes where accelerate was asked for N on the CPU but has started one.

    Without a GPU, accelerate starts several processes only through MPI (`--mpirun_hostfile`); otherwise it sets a
    master address for N processes but silently starts a single one. In that case this process replaces itself with
    torch's launcher (`torch.distributed.run`), which starts this machine's share of the N processes with the same
    script and arguments.

    Raises:
        AdaptersHubError: the requested number of processes is unknown or not a multiple of the number of machines, or
            the rank of this machine is not given.
    """
    asked_for_several = "MASTER_ADDR" in os.environ and parse_flag_from_env("ACCELERATE_USE_CPU")
    if (
        not asked_for_several
        or "RANK" in os.environ
        or "OMPI_COMM_WORLD_SIZE" in os.environ
        or "PMI_SIZE" in os.environ
    ):
        return
    processes, machines, rank = _asked_for()
    address, port = os.environ["MASTER_ADDR"], os.environ.get("MASTER_PORT", "29500")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", str(processes)]
    launcher += ["--master_addr", address, "--master_port", port]
    if machines > 1:
        launcher += ["--nnodes", str(machines), "--node_rank", str(rank)]
    # A package that runs as a module has its __main__.py as the script.
    package = sys.argv[0].endswith("__main__.py")
    script = ["-m", Path(sys.argv[0]).parent.name, *sys.argv[1:]] if package else sys.argv
    os.environ.setdefault("OMP_NUM_THREADS", str(max((os.cpu_count() or 1) // processes, 1)))
    sys.stdout.flush()
    os.execv(sys.executable, [*launcher, *script])


def use_all_cores() -> None:
    """Let torch use all cores, divided among this machine's processes, where the launcher has limited it to one.

    `accelerate launch` sets OMP_NUM_THREADS to 1 if it is not set, which leaves the other cores idle. A value above 1,
    a start without the launcher and OMP_THREAD_LIMIT are treated as the user's choice.
    """
    if "ACCELERATE_MIXED_PRECISION" not in os.environ or os.environ.get("OMP_NUM_THREADS") != "1":
        return
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    limit = int(os.environ.get("OMP_THREAD_LIMIT", cores))
    torch.set_num_threads(max(1, min(cores // processes, limit)))


def _asked_for() -> tuple[int, int, int]:
    """The processes per machine, the machines and this machine's rank that `accelerate launch` was asked for.

    They are read from the command line of that parent process, or from its configuration.
    """
    command = psutil.Process().parent()
    words = command.cmdline() if command else []
    places = [place for place, word in enumerate(words) if Path(word).name in ("launch", "accelerate-launch")]
    if not places:
        raise AdaptersHubError(
            "accelerate was asked for several processes on the CPU but has started one: use "
            "torchrun --nproc_per_node 2 in place of accelerate launch, or --num_processes 1"
        )
    arguments = launch_command_parser().parse_args(words[places[0] + 1 :])
    # As in accelerate: a file may set what the command line does not, but with --cpu the default file is ignored.
    config: Any = None
    if arguments.config_file is not None or (not arguments.cpu and Path(default_config_file).is_file()):
        config = load_config_from_file(arguments.config_file)

    def value(name: str) -> int | None:
        found = getattr(arguments, name, None)
        found = getattr(config, name, None) if found is None else found
        return None if found is None else int(found)

    machines = value("num_machines") or 1
    total = value("num_processes") or machines
    rank = value("machine_rank") if machines > 1 else 0
    if rank is None or not 0 <= rank < machines:
        raise AdaptersHubError(
            f"--num_machines {machines} needs the rank of this machine: --machine_rank 0 on the machine of "
            f"--main_process_ip, 1 to {machines - 1} on the others"
        )
    if total % machines:
        raise AdaptersHubError(
            f"--num_processes counts the processes of all machines: {total} cannot be divided evenly among {machines} "
            f"machines, {machines * max(total // machines, 1)} can"
        )
    return total // machines, machines, rank

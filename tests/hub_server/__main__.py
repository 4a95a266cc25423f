"""Serve an empty stand-in for manual use."""

from __future__ import annotations

import argparse
import contextlib
import sys
import threading

from tests.hub_server import HubServer


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve an empty stand-in for the Hugging Face Hub until Ctrl-C.")
    parser.add_argument("--port", type=int, default=0, help="0 lets the system choose")
    parser.add_argument("--token", default="hf_test", help="the one token that may write and read private repos")
    arguments = parser.parse_args()
    with HubServer(arguments.port, arguments.token) as hub, contextlib.suppress(KeyboardInterrupt):
        sys.stdout.write(f"HF_ENDPOINT={hub.url} HF_HUB_DISABLE_XET=1 HF_TOKEN={hub.token}\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()

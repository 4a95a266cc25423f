"""`make hub-demo`: publish the quickstart's modules on a loopback hub, and use them from there in another process.

A stand-in for the Hub runs on this machine; the client is the real `huggingface_hub`, with separate caches.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from adapters_hub.format import read_manifest
from tests.hub_server import HubServer

OWNER = "quickstart"
COMPOSE = """
import sys
from adapters_hub import ModularEncoder

repos = sys.argv[1:]
encoder = ModularEncoder(modules=repos)
sentences = {
    "eng": "The train is late again.",
    "deu": "Der Zug hat schon wieder Verspätung.",
    "tur": "Tren yine gecikti.",
    "rus": "Поезд снова опаздывает.",
}
languages = [code for code in sentences if code in encoder.languages]
vectors = encoder.encode([sentences[code] for code in languages], language=languages, align=True)
print("The same news in each language, aligned:")
print("     " + "".join(f"{code:>7}" for code in languages))
for code, row in zip(languages, encoder.similarity(vectors, vectors)):
    print(f"{code:5}" + "".join(f"{value:7.3f}" for value in row))
"""


def main() -> None:
    """Push, list, fetch into a clean cache, and compose the modules."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "out/quickstart")
    modules = sorted(path.parent for path in folder.glob("*/module.json"))
    if not modules:
        sys.exit(f"error: no modules in {folder}: make quickstart first")
    # Modules come before the adapters, whose cards link to them.
    modules.sort(key=lambda module: read_manifest(module).kind == "alignment_adapter")
    with HubServer() as hub, tempfile.TemporaryDirectory() as publisher, tempfile.TemporaryDirectory() as user:
        _say(f"a hub on {hub.url}")
        for module in modules:
            _run(hub.url, publisher, "-m", "adapters_hub", "push", str(module), "--repo", f"{OWNER}/{module.name}")
        _run(hub.url, publisher, "-m", "adapters_hub", "push", str(modules[0]), "--repo", f"{OWNER}/{modules[0].name}")
        _run(hub.url, user, "-m", "adapters_hub", "list", "--author", OWNER)
        _run(hub.url, user, "-c", COMPOSE, *(f"{OWNER}/{module.name}" for module in modules))


def _run(url: str, home: str, *arguments: str) -> None:
    shown = " ".join(arguments) if arguments[0] == "-m" else "-c (compose) " + " ".join(arguments[2:])
    _say(f"\n$ python {shown}")
    environment = {name: value for name, value in os.environ.items() if name not in ("MSE_HUB", "HF_HUB_OFFLINE")}
    environment |= {
        "HF_ENDPOINT": url,
        "HF_TOKEN": "hf_test",
        "HF_HOME": home,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    done = subprocess.run([sys.executable, *arguments], env=environment)
    if done.returncode:
        sys.exit(done.returncode)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

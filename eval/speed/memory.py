"""Memory with many languages, and the time to add one; each is measured in a separate process."""

from __future__ import annotations

import json
from pathlib import Path

from adapters_hub import ModularEncoder
from adapters_hub.bridges import export_merged
from eval.speed.measure import Row, interleaved
from eval.speed.modules import BASE, make_modules, run
from eval.speed.text import Text

_OURS = """
import json, sys, time, torch, psutil
from adapters_hub import ModularEncoder
base, first, *others = sys.argv[1:]
encoder = ModularEncoder(base, [first], device="cpu")
encoder.encode("a", encoder.languages[0])
begin = time.perf_counter()
for folder in others:
    encoder.add_module(folder)
seconds = (time.perf_counter() - begin) / max(len(others), 1)
for code in encoder.languages:
    encoder.encode(["This is a sentence.", "And this is another one."], code)
print(json.dumps({"bytes": psutil.Process().memory_info().rss, "seconds": seconds}))
"""
_PEER = """
import json, sys, time, psutil
from sentence_transformers import SentenceTransformer
folder, count = sys.argv[1], int(sys.argv[2])
models = [SentenceTransformer(folder, device="cpu")]
begin = time.perf_counter()
models += [SentenceTransformer(folder, device="cpu") for _ in range(count - 1)]
seconds = (time.perf_counter() - begin) / max(count - 1, 1)
for model in models:
    model.encode(["This is a sentence.", "And this is another one."])
print(json.dumps({"bytes": psutil.Process().memory_info().rss, "seconds": seconds}))
"""


def memory_rows(text: Text, work: Path, repeats: int) -> list[Row]:
    """Measure resident memory with 23 languages, and the time to add a language."""
    languages = text.languages(23)
    folder = work / "modules-16k"
    folder.mkdir(parents=True, exist_ok=True)
    modules = make_modules(text, languages, 16_000, folder)
    count = len(modules)
    small, whole = work / "stock-16k", work / "stock-whole"
    if not small.is_dir():
        export_merged(ModularEncoder(modules=[folder / "deu"], device="cpu"), "deu", small)
    if not whole.is_dir():
        _whole_base(whole)
    ours: list[dict[str, float]] = []
    peer: list[dict[str, float]] = []

    def measure_ours() -> float:
        ours.append(json.loads(run(["-c", _OURS, BASE, *map(str, modules)]).splitlines()[-1]))
        return ours[-1]["bytes"]

    def measure_peer() -> float:
        peer.append(json.loads(run(["-c", _PEER, str(whole), str(count)]).splitlines()[-1]))
        return peer[-1]["bytes"]

    mine, theirs = interleaved(measure_ours, measure_peer, repeats)
    cut = json.loads(run(["-c", _PEER, str(small), str(count)]).splitlines()[-1])
    facts = {"the peers with vocabularies of 16k, bytes": cut["bytes"]}
    name = f"resident memory, {count} languages loaded (16k tokens each)"
    loading = {"adding to a peer with a vocabulary of 16k, s": cut["seconds"]}
    return [
        Row(name, "bytes", mine, theirs, f"{count} SentenceTransformers", 1 / 8, more_is_better=False, facts=facts),
        Row(
            "adding a language to a live encoder", "s", [run["seconds"] for run in ours],
            [run["seconds"] for run in peer], "loading a SentenceTransformer", 1 / 4, False, loading,
        ),
    ]  # fmt: skip


def _whole_base(folder: Path) -> None:
    """Write the base as an ordinary SentenceTransformer with its whole vocabulary."""
    code = (
        "import sys\n"
        "from sentence_transformers import SentenceTransformer\n"
        "from sentence_transformers.models import Pooling, Transformer\n"
        "from adapters_hub import load_base\n"
        f"base = load_base({BASE!r})\n"
        "transformer = Transformer(base.checkpoint, max_seq_length=128)\n"
        "SentenceTransformer(modules=[transformer, Pooling(base.dimension)], device='cpu').save(sys.argv[1])\n"
    )
    run(["-c", code, str(folder)])

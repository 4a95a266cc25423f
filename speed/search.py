"""Search among many vectors: our table beside brute force in NumPy and faiss, each in a process of its own.

`python -m speed.search SYSTEM FOLDER` measures one of them.
"""

from __future__ import annotations

import json
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from speed.measure import run
from speed.report import SearchCost

SYSTEMS = ("ours", "numpy", "faiss")
TOP = 10

_DIMENSION = 384
_QUESTIONS = 100
_CLUSTERS = 2000
_PART = 65_536
_PROBES = 64
_Ask = Callable[[np.ndarray], list[int]]


def search_costs(vectors: int, work: Path) -> list[SearchCost]:
    """Measure the systems that are installed on the same random vectors in clusters, in float16."""
    _write_vectors(vectors, work)
    costs = []
    for system in SYSTEMS:
        if system == "faiss" and not _has_faiss():
            continue
        built = json.loads(run(["-m", "speed.search", "build", system, str(work)])[0])
        asked = json.loads(run(["-m", "speed.search", "ask", system, str(work)])[0])
        costs.append(SearchCost(system, **built, **asked))
    return costs


def _write_vectors(count: int, work: Path) -> None:
    """Write vectors of unit length, questions near some of them, and the exact answers."""
    generator = np.random.default_rng(0)
    centres = generator.standard_normal((_CLUSTERS, _DIMENSION), dtype=np.float32)
    shape = (count, _DIMENSION)
    stored = np.lib.format.open_memmap(work / "vectors.npy", mode="w+", dtype=np.float16, shape=shape)
    for start in range(0, count, _PART):
        size = min(_PART, count - start)
        part = centres[generator.integers(0, _CLUSTERS, size)]
        part += generator.standard_normal(part.shape, dtype=np.float32)
        stored[start : start + size] = part / np.linalg.norm(part, axis=1, keepdims=True)
    stored.flush()
    questions = stored[generator.integers(0, count, 2 * _QUESTIONS)].astype(np.float32)
    questions += 0.05 * generator.standard_normal(questions.shape, dtype=np.float32)
    np.save(work / "questions.npy", questions)
    best = np.full((len(questions), TOP), -np.inf), np.zeros((len(questions), TOP), dtype=np.int64)
    for start in range(0, count, _PART):
        scores = questions @ stored[start : start + _PART].astype(np.float32).T
        scores = np.concatenate([best[0], scores], axis=1)
        places = np.arange(start, start + scores.shape[1] - TOP)
        rows = np.concatenate([best[1], np.tile(places, (len(questions), 1))], axis=1)
        kept = np.argpartition(-scores, TOP - 1, axis=1)[:, :TOP]
        best = np.take_along_axis(scores, kept, 1), np.take_along_axis(rows, kept, 1)
    np.save(work / "answers.npy", best[1])


def _build(system: str, work: Path) -> None:
    vectors = np.load(work / "vectors.npy", mmap_mode="r")
    if system == "ours":
        from adapters_hub.search.table import Passages, PassageTable

        shutil.rmtree(work / "ours", ignore_errors=True)
        table = PassageTable(work / "ours")
        for start in range(0, len(vectors), _PART):
            part = np.asarray(vectors[start : start + _PART])
            names = [f"passage {row}" for row in range(start, start + len(part))]
            numbers = range(start, start + len(part))
            table.add(Passages(str(start), "random", [None] * len(part), numbers, names, part))
        table.index(words=False)
    elif system == "faiss":
        import faiss

        clusters = round(len(vectors) ** 0.5)
        index = faiss.index_factory(_DIMENSION, f"IVF{clusters},SQ8", faiss.METRIC_INNER_PRODUCT)
        sample = np.random.default_rng(1).choice(len(vectors), min(len(vectors), 64 * clusters), replace=False)
        index.train(np.asarray(vectors[np.sort(sample)], dtype=np.float32))
        for start in range(0, len(vectors), _PART):
            index.add(np.asarray(vectors[start : start + _PART], dtype=np.float32))
        faiss.write_index(index, str(work / "faiss.index"))


def _open(system: str, work: Path) -> _Ask:
    if system == "ours":
        from adapters_hub.search.table import PassageTable

        table = PassageTable(work / "ours")

        def ask(question: np.ndarray) -> list[int]:
            rows, _ = table.read(table.nearest(question, TOP))
            return [int(row["number"]) for row in rows]

        return ask
    if system == "faiss":
        import faiss

        index: Any = faiss.read_index(str(work / "faiss.index"))
        index.nprobe = _PROBES
        return lambda question: [int(row) for row in index.search(question[None], TOP)[1][0]]
    vectors = np.load(work / "vectors.npy").astype(np.float32)

    def brute(question: np.ndarray) -> list[int]:
        scores = vectors @ question
        best = np.argpartition(-scores, TOP)[:TOP]
        return [int(row) for row in best[np.argsort(-scores[best])]]

    return brute


def _ask(system: str, work: Path) -> dict[str, float]:
    questions, answers = np.load(work / "questions.npy"), np.load(work / "answers.npy")
    if system == "ours":
        import adapters_hub.search.table  # noqa: F401  # importing is not opening
    elif system == "faiss":
        import faiss  # noqa: F401
    process = psutil.Process()
    before = process.memory_info().rss
    begin = time.perf_counter()
    ask = _open(system, work)
    opened = time.perf_counter() - begin
    times, found = [], []
    for question in questions[: _QUESTIONS + 1]:
        begin = time.perf_counter()
        found.append(ask(question))
        times.append(time.perf_counter() - begin)
    recall = np.mean([len({*one} & {*right}) / TOP for one, right in zip(found, answers, strict=False)])
    return {
        "open": opened,
        "first": times[0],
        "each": statistics.median(times[1:]),
        "hundred": sum(times[1:]),
        "memory": process.memory_info().rss - before,
        "recall": float(recall),
    }


def _has_faiss() -> bool:
    try:
        import faiss  # noqa: F401
    except ImportError:
        return False
    return True


def main() -> None:
    """Build or ask one system, and print what it costs as JSON."""
    job, system, work = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    if job == "build":
        begin = time.perf_counter()
        _build(system, work)
        sys.stdout.write(json.dumps({"build": time.perf_counter() - begin}))
    else:
        sys.stdout.write(json.dumps(_ask(system, work)))


if __name__ == "__main__":
    main()

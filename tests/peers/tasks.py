"""Cross-lingual MTEB tasks for English and German with data on disk: bitext mining and retrieval."""

from __future__ import annotations

import json
from pathlib import Path

from common import FOLDER, SENTENCES
from mteb.abstasks.retrieval import AbsTaskRetrieval
from mteb.abstasks.task_metadata import TaskMetadata
from mteb.abstasks.text.bitext_mining import AbsTaskBitextMining

PAIR = "deu-eng"
LANGUAGES = {PAIR: ["deu-Latn", "eng-Latn"]}


def _write(path: Path, rows: list[dict[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def _configs(folder: Path, files: dict[str, str]) -> None:
    lines = [
        f"- config_name: {name}\n  data_files:\n  - split: test\n    path: {path}\n" for name, path in files.items()
    ]
    (folder / "README.md").write_text(f"---\nconfigs:\n{''.join(lines)}---\n", encoding="utf-8")


def _metadata(name: str, kind: str, score: str, folder: Path) -> TaskMetadata:
    return TaskMetadata(
        name=name,
        description="On disk.",
        reference="https://example.org",
        dataset={"path": str(folder), "revision": "1"},
        type=kind,
        category="t2t",
        modalities=["text"],
        eval_splits=["test"],
        eval_langs=LANGUAGES,
        main_score=score,
        date=("2026-01-01", "2026-01-02"),
        domains=["Written"],
        task_subtypes=[],
        license="cc0-1.0",
        annotations_creators="derived",
        dialect=[],
        sample_creation="created",
        bibtex_citation="",
    )


def bitext() -> AbsTaskBitextMining:
    """A task of German sentences and their translations."""
    folder = FOLDER / "tasks" / "bitext"
    pairs = zip(SENTENCES["deu"], SENTENCES["eng"], strict=True)
    _write(folder / "pairs.jsonl", [{"sentence1": one, "sentence2": two} for one, two in pairs])
    _configs(folder, {PAIR: "pairs.jsonl"})

    class OnDiskBitext(AbsTaskBitextMining):
        metadata = _metadata("OnDiskBitext", "BitextMining", "f1", folder)

    return OnDiskBitext()


def retrieval() -> AbsTaskRetrieval:
    """A task of English queries, each of which looks for the German sentence of the same meaning."""
    folder = FOLDER / "tasks" / "retrieval"
    numbers = range(len(SENTENCES["eng"]))
    _write(folder / "queries.jsonl", [{"_id": f"q{n}", "text": SENTENCES["eng"][n]} for n in numbers])
    _write(folder / "corpus.jsonl", [{"_id": f"d{n}", "title": "", "text": SENTENCES["deu"][n]} for n in numbers])
    _write(folder / "qrels.jsonl", [{"query-id": f"q{n}", "corpus-id": f"d{n}", "score": 1} for n in numbers])
    _configs(folder, {f"{PAIR}-{part}": f"{part}.jsonl" for part in ("queries", "corpus", "qrels")})

    class OnDiskRetrieval(AbsTaskRetrieval):
        metadata = _metadata("OnDiskRetrieval", "Retrieval", "ndcg_at_10", folder)

    return OnDiskRetrieval()


def scores(model: object) -> dict[str, float]:
    """The main score of each task."""
    import mteb

    result = mteb.evaluate(model, [bitext(), retrieval()], cache=None, show_progress_bar=False, co2_tracker=False)
    return {task.task_name: round(task.scores["test"][0]["main_score"], 4) for task in result}

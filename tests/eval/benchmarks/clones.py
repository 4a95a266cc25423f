"""Minimal clones of the benchmarks' repositories, in the exact formats of the real ones."""

from __future__ import annotations

import csv
import json
import zipfile
from pathlib import Path
from typing import Any

from tests.conftest import sample_sentences

ROWS = 6


def write_clones(root: Path) -> Path:
    """A data folder with all clones, filled with sample sentences."""
    text = {code: sample_sentences(code) for code in ("eng", "deu", "rus", "tur", "kaz")}
    for own, code in (("en", "eng"), ("de", "deu"), ("ru", "rus")):
        pairs = [[text[code][2 * row], text[code][2 * row + 1], row * 0.8] for row in range(ROWS)]
        _csv(root / f"stsb-multi-mt/data/stsb-{own}-dev.csv", pairs)
    for folder, own in (("azeri", "az"), ("kazakh", "kk"), ("uyghur", "ug")):
        rows = [
            [
                10 + row,
                text["eng"][2 * row],
                text["eng"][2 * row + 1],
                row,
                text["kaz"][2 * row],
                text["kaz"][2 * row + 1],
            ]
            for row in range(ROWS)
        ]
        head = ["Unnamed: 0", "sentence1", "sentence2", "score", "s1_translation", "s2_translation"]
        _csv(root / f"Kardes-NLU/Data/{folder}/sts.dev.{own}.csv", [head, *rows])
    rows = [[f"ENG-{row}", f"{text['eng'][2 * row]}\n{text['eng'][2 * row + 1]}", row / 5] for row in range(ROWS)]
    semrel = root / "Semantic_Relatedness_SemEval2024" / "Track A"
    _csv(semrel / "eng" / "eng_dev_with_labels.csv", [["PairID", "Text", "Score"], *rows])
    tabbed = [[f"HAU-{row}", f"{text['deu'][2 * row]}\t{text['deu'][2 * row + 1]}", row / 5] for row in range(ROWS)]
    _csv(semrel / "hau" / "hau_dev_with_labels.csv", [["PairID", "Text", "Score"], *tabbed])
    lines = ["genre\tfilename\tyear\tid\tscore\tsentence1\tsentence2"]
    lines += [
        f'news\tf\t2012\t{row}\t{row}\t"{text["deu"][2 * row]}\t{text["deu"][2 * row + 1]}' for row in range(ROWS)
    ]
    _lines(root / "KorNLUDatasets/KorSTS/sts-dev.tsv", lines)
    for code, path in (("eng", "SICK/SICK.txt"), ("deu", "sick_nl/data/tasks/sick_nl/SICK_NL.txt")):
        lines = ["pair_ID\tsentence_A\tsentence_B\tentailment_label\trelatedness_score\tSemEval_set"]
        for row in range(ROWS + (code == "deu")):
            one, two = text[code][2 * row : 2 * row + 2]
            lines.append(f"{row}\t{one}\t{two}\tNEUTRAL\t{row}\t{'TRIAL' if row else 'TEST'}")
        _lines(root / path, lines)
    lines = ["pair_ID\tsentence_A\tsentence_B\trelatedness_score\tentailment_judgment"]
    lines += [f"{row}\t{text['rus'][2 * row]}\t{text['rus'][2 * row + 1]}\t{row}\tNEUTRAL" for row in range(3, ROWS)]
    _lines(root / "polish-sentence-evaluation/resources/downstream/SICK/SICK_trial.txt", lines)
    for own, code in (("eng_Latn", "eng"), ("kaz_Cyrl", "kaz"), ("zho_Hans", "tur"), ("zho_Hant", "rus")):
        for split, start in (("train", 0), ("dev", 20)):
            labelled = [[row, "sports" if row % 2 else "travel", text[code][start + row]] for row in range(12)]
            labelled[2][2] = f'He said: "{labelled[2][2]}"'  # stored in CSV as "He said: ""…"""
            head = ["index_id", "category", "text"]
            _csv(root / f"sib-200/data/annotated/{own}/{split}.tsv", [head, *labelled], delimiter="\t")
        _lines(root / f"flores200_dataset/dev/{own}.dev", text[code][:20])
        questions = [
            json.dumps(
                {
                    "link": f"a{row}",
                    "question_number": 1,
                    "flores_passage": text[code][row],
                    "question": "?",
                    **{f"mc_answer{number}": text[code][row + number - 1] for number in range(1, 5)},
                    "correct_answer_num": "1",
                }
            )
            for row in range(ROWS)
        ]
        _lines(root / f"Belebele/{own}.jsonl", questions)
    for own, code in (("cmn", "tur"), ("kaz", "kaz")):
        _lines(root / f"LASER/data/tatoeba/v1/tatoeba.{own}-eng.{own}", text[code][:20])
        _lines(root / f"LASER/data/tatoeba/v1/tatoeba.{own}-eng.eng", text["eng"][:20])
    _zip_of_sts17(root / "cross-lingual-sts/dataset.zip", text)
    return root


def _zip_of_sts17(path: Path, text: dict[str, list[str]]) -> None:
    """The extension to Czech, German and French: one file per language and side, and one with the grades."""
    path.parent.mkdir(parents=True)
    with zipfile.ZipFile(path, "w") as archive:
        for own, code in (("EN", "eng"), ("DE", "deu"), ("CS", "rus"), ("FR", "tur")):
            for side, start in (("first", 0), ("second", 1)):
                lines = "".join(f"{line}\n" for line in text[code][start : 2 * ROWS : 2])
                archive.writestr(f"dataset/STS.2017.input.track5.{own}.{side}.txt", lines)
        archive.writestr("dataset/STS.2017.gs.track5.first-second.txt", "".join(f"{row / 2}\n" for row in range(ROWS)))


def _csv(path: Path, rows: list[list[Any]], delimiter: str = ",") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=delimiter, lineterminator="\n").writerows(rows)


def _lines(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")

"""Clones of the benchmarks' repositories, as small as can be, in the very formats of the real ones."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from tests.conftest import sample_sentences

ROWS = 6


def write_clones(root: Path) -> Path:
    """All of them, with sample sentences."""
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
    for code in ("en", "nl"):
        lines = ["pair_ID\tsentence_A\tsentence_B\trelatedness_score\tSemEval_set"]
        for row in range(ROWS + (code == "nl")):
            words = text["eng" if code == "en" else "deu"]
            lines.append(f"{row}\t{words[2 * row]}\t{words[2 * row + 1]}\t{row}\t{'TRIAL' if row else 'TEST'}")
        _lines(root / f"SICK/SICK_{code}.txt", lines)
    for own, code in (("eng_Latn", "eng"), ("kaz_Cyrl", "kaz"), ("zho_Hans", "tur"), ("zho_Hant", "rus")):
        for split, start in (("train", 0), ("dev", 20)):
            rows_of = [f"{row}\t{'sports' if row % 2 else 'travel'}\t{text[code][start + row]}" for row in range(12)]
            _lines(root / f"sib-200/data/annotated/{own}/{split}.tsv", ["index_id\tcategory\ttext", *rows_of])
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
    return root


def _csv(path: Path, rows: list[list[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def _lines(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")

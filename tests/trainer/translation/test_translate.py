"""Machine translation of pairs, with a tiny model that has memorised forty sentences."""

from __future__ import annotations

import csv
import gzip
import json
import logging
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adapters_hub import AdaptersHubError
from tests.conftest import ROOT
from tests.trainer.building import DICTIONARY, GERMAN, KAZAKH
from tests.trainer.runs.launch import execute
from trainer.data.corpora import load_pairs, load_text
from trainer.objectives import ROLES
from trainer.settings import DataSource
from trainer.translation import Journal, Translation, TranslationError, Translator, parse_settings, translate

TRANSLATE = ROOT / "trainer" / "translate.py"


@pytest.fixture(scope="module")
def model(translation_model: Path) -> Path:
    return translation_model


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fifteen pairs, some with a hard negative, some with sentences that also occur in other pairs."""
    path = tmp_path_factory.mktemp("pairs") / "deu.tsv"
    rows = [(GERMAN[2 * row], GERMAN[2 * row + 1], GERMAN[30] if row % 4 == 0 else "") for row in range(12)]
    rows += [(GERMAN[0], GERMAN[row], "") for row in (33, 34, 35)]
    path.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    return path


Run = Callable[..., Path]


@pytest.fixture
def run(model: Path, pairs: Path, tmp_path: Path) -> Run:
    """Translate in this process; returns the output."""

    def translated(name: str = "kaz.tsv", **options: Any) -> Path:
        output = tmp_path / name
        values = {"model": model, "input": pairs, "source": "deu_Latn", "target": "kaz_Cyrl", "output": output}
        values |= {"max_length": 80, "num_beams": 1, "device": "cpu"} | options
        translate(parse_settings([f"--{key}={value}" for key, value in values.items()]))
        return output

    return translated


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Record the batches that reach the model from now on."""
    batches: list[list[str]] = []
    whole = Translator.translate

    def spy(self: Translator, sentences: list[str]) -> list[Translation]:
        found = whole(self, sentences)
        batches.append(list(sentences))
        return found

    monkeypatch.setattr(Translator, "translate", spy)
    return batches


def read(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def expected(pairs: Path) -> list[list[str]]:
    return [[" ".join(DICTIONARY[text].split()) if text else "" for text in row] for row in read(pairs)]


def test_rows_are_translated_in_their_order_and_stage_1_reads_them(run: Run, pairs: Path) -> None:
    output = run()
    assert read(output) == expected(pairs)
    loaded = load_pairs(DataSource(path=str(output)), "kaz", "eng", ROLES)
    assert [list(row.values()) for row in loaded] == expected(pairs)


@pytest.mark.parametrize("options", [{"batch_size": 1}, {"batch_size": 7}, {"tokens_per_batch": 60}, {"num_beams": 3}])
def test_the_size_of_batches_does_not_matter(run: Run, pairs: Path, options: dict[str, int]) -> None:
    assert read(run(**options)) == expected(pairs)


def test_every_distinct_sentence_is_translated_once(run: Run, pairs: Path, asked: list[list[str]]) -> None:
    run(batch_size=4)
    sentences = [sentence for batch in asked for sentence in batch]
    assert len(sentences) == len(set(sentences))
    assert set(sentences) == {text for row in read(pairs) for text in row if text}
    assert max(map(len, asked)) == 4


def interrupted(run: Run, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """A run that is stopped when its model would translate one batch more."""
    whole = Translator.translate
    count = iter(range(after))

    def stop(self: Translator, sentences: list[str]) -> list[Translation]:
        if next(count, None) is None:
            raise KeyboardInterrupt
        return whole(self, sentences)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Translator, "translate", stop)
        run(batch_size=5)


def test_an_interrupted_run_goes_on_and_translates_nothing_twice(
    run: Run, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: list[list[str]]
) -> None:
    interrupted(run, monkeypatch, after=3)
    first = [sentence for batch in asked for sentence in batch]
    assert len(first) == 15
    assert not (tmp_path / "kaz.tsv").exists()
    asked.clear()
    assert read(run(batch_size=5)) == expected(pairs)
    second = [sentence for batch in asked for sentence in batch]
    assert second
    assert not set(first) & set(second)
    asked.clear()
    assert read(run()) == expected(pairs)
    assert asked == []


def test_a_line_that_was_cut_off_is_translated_again(
    run: Run, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: list[list[str]]
) -> None:
    interrupted(run, monkeypatch, after=2)
    journal = tmp_path / "kaz.tsv.translations.jsonl"
    journal.write_bytes(journal.read_bytes()[:-9])
    lost = asked[-1][-1]
    asked.clear()
    assert read(run()) == expected(pairs)
    assert lost in [sentence for batch in asked for sentence in batch]
    assert all(isinstance(json.loads(line), dict) for line in journal.read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize("kept", [0, 3])
def test_a_journal_cut_off_in_its_first_line_starts_anew(kept: int, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"model": "m"}\n'[:kept])
    journal = Journal(path, {"model": "m"})
    journal.add(["a"], [Translation("b", finished=False)])
    assert Journal(path, {"model": "m"}).translations == {"a": Translation("b", finished=False)}


def test_translations_by_other_settings_are_not_mixed_in(run: Run, tmp_path: Path) -> None:
    run(limit=2)
    with pytest.raises(AdaptersHubError, match=r"was begun with num_beams 1, now 2: delete it, or choose another"):
        run(limit=2, num_beams=2)
    (tmp_path / "kaz.tsv.translations.jsonl").unlink()
    with pytest.raises(AdaptersHubError, match=r"kaz\.tsv exists already: delete it"):
        run(limit=2)


def test_more_rows_and_other_limits_use_what_is_translated(run: Run, pairs: Path, asked: list[list[str]]) -> None:
    assert len(read(run(limit=4))) == 4
    first = {sentence for batch in asked for sentence in batch}
    asked.clear()
    assert read(run(length_factor=4)) == expected(pairs)
    assert not first & {sentence for batch in asked for sentence in batch}


@pytest.mark.parametrize(("suffix", "opener"), [(".xz", lzma.open), (".gz", gzip.open)])
def test_input_and_output_may_be_compressed(
    run: Run, pairs: Path, tmp_path: Path, suffix: str, opener: Callable[..., Any]
) -> None:
    given = tmp_path / f"deu.tsv{suffix}"
    with opener(given, "wb") as file:
        file.write(pairs.read_bytes())
    output = run(f"kaz.tsv{suffix}", input=given)
    with opener(output, "rt", encoding="utf-8") as file:
        assert [line.rstrip("\n").split("\t") for line in file] == expected(pairs)


def test_columns_are_chosen_by_name_and_white_space_becomes_spaces(run: Run, tmp_path: Path) -> None:
    given = tmp_path / "deu.jsonl"
    broken = [GERMAN[0].replace(" ", "\n", 1), GERMAN[1].replace(" ", "\t", 1)]
    rows = [{"b": broken[1], "x": "unused", "a": broken[0]}, {"b": GERMAN[3], "x": "", "a": GERMAN[2]}]
    given.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    output = run(input=given, columns="a, b")
    assert read(output) == [KAZAKH[:2], KAZAKH[2:4]]


def test_the_originals_stand_beside_their_translations(run: Run, pairs: Path, tmp_path: Path) -> None:
    output = run(originals=tmp_path / "both.tsv.xz")
    with lzma.open(tmp_path / "both.tsv.xz", "rt", encoding="utf-8") as file:
        both = [line.rstrip("\n").split("\t") for line in file]
    assert [row[:3] for row in both] == [[" ".join(text.split()) for text in row] for row in read(pairs)]
    assert [row[3:] for row in both] == read(output)


def test_originals_without_hard_negatives_have_four_columns(run: Run, tmp_path: Path) -> None:
    given = tmp_path / "deu.tsv"
    given.write_text(f"{GERMAN[0]}\t{GERMAN[1]}\n", encoding="utf-8")
    run(input=given, originals=tmp_path / "both.tsv")
    assert read(tmp_path / "both.tsv") == [[*GERMAN[:2], *(" ".join(text.split()) for text in KAZAKH[:2])]]


def test_originals_that_were_not_translated_here_are_not_overwritten(run: Run, tmp_path: Path) -> None:
    kept = tmp_path / "both.tsv"
    kept.write_text("mine\n", encoding="utf-8")
    with pytest.raises(TranslationError, match=r"both\.tsv exists already: delete it, or choose another --originals"):
        run(originals=kept)
    assert kept.read_text(encoding="utf-8") == "mine\n"


def test_text_is_translated_line_by_line(run: Run, tmp_path: Path) -> None:
    given = tmp_path / "deu.txt"
    given.write_text("\n".join(GERMAN[:6]), encoding="utf-8")
    output = run("kaz.txt", input=given)
    assert list(load_text(DataSource(path=str(output)), "kaz", "eng")["text"]) == KAZAKH[:6]
    with pytest.raises(TranslationError, match=r"--output for text must be a \.txt file"):
        run("kaz.tsv", input=given)


def test_rows_that_fail_a_check_are_dropped_and_counted(
    run: Run, pairs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="trainer"):
        rows = read(run(max_length=40))  # in tokens; some sentences are longer
    all_rows = expected(pairs)
    assert 0 < len(rows) < len(all_rows)
    assert rows == [row for row in all_rows if row in rows]
    dropped = caplog.text.partition("dropped: ")[2].splitlines()[0]
    assert "too long to translate" in dropped
    assert sum(int(word) for word in dropped.split() if word.isdigit()) == len(all_rows) - len(rows)
    with pytest.raises(TranslationError, match="no row is left of 15"):
        run("other.tsv", max_length=3)


@pytest.fixture(scope="module")
def command(model: Path, pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command line of a run."""
    output = tmp_path_factory.mktemp("command") / "sub" / "kaz.tsv"
    options = {"model": model, "input": pairs, "source": "deu_Latn", "target": "kaz_Cyrl", "output": output}
    return [
        str(TRANSLATE),
        *(f"--{name}={value}" for name, value in options.items()),
        "--device=cpu",
        "--max_length=80",
    ]


def test_the_command_writes_the_file_and_says_what_it_did(command: list[str], pairs: Path) -> None:
    done = execute(*command).ok()
    output = Path(next(word for word in command if word.startswith("--output=")).partition("=")[2])
    assert read(output) == expected(pairs)
    assert sorted(path.name for path in output.parent.iterdir()) == ["kaz.tsv", "kaz.tsv.translations.jsonl"]
    assert "28 distinct sentences of 15 rows; dropped: none" in done.stderr
    assert "15 rows written to" in done.stderr


def test_a_mistake_is_one_line(command: list[str]) -> None:
    line = execute(*command, "--target=kaz_Cyr", "--output=x/y.tsv").error_line()
    assert "does not know the language 'kaz_Cyr'; it knows 2, for example kaz_Cyrl" in line


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_beams": 0}, "--num_beams must be at least 1, not 0"),
        ({"script_share": 2}, "--script_share between 0 and 1"),
        ({"length_factor": 1}, "--length_factor must be over 1"),
        ({"name": "kaz.csv"}, r"--output for pairs must be a \.tsv file"),
        ({"input": "missing.tsv"}, r"data file 'missing\.tsv' does not exist"),
        ({"columns": "a,b"}, "expected the columns a, b"),
        ({"originals": "both.csv"}, r"--originals must be a \.tsv file of pairs"),
        ({"model": "./missing"}, r"no translation model at '\./missing': expected a Hub id or a folder"),
    ],
)
def test_what_cannot_be_is_refused(run: Run, options: dict[str, Any], message: str) -> None:
    with pytest.raises(AdaptersHubError, match=message):
        run(**options)


def test_help_names_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        parse_settings(["--help"])
    assert left.value.code == 0
    text = capsys.readouterr().out
    for name in ("model", "input", "source", "target", "output", "columns", "limit", "num_beams", "script_share"):
        assert f"--{name}" in text

"""A search index: the right passages, nothing lost by a kill, nothing answered that is not, nothing mixed up."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from adapters_hub import AdaptersHubError, CompositionError, InputTextError, ModularEncoder
from adapters_hub.__main__ import app
from adapters_hub.corpus import Corpus, encode_corpus
from adapters_hub.search import SearchIndex, table
from adapters_hub.search.calibration import Calibration
from adapters_hub.search.index import fused
from adapters_hub.search.table import Passages, PassageTable
from tests.adapters_hub.conftest import Shelf
from tests.conftest import ROOT, sample_sentences


@pytest.fixture(scope="module")
def encoder(shelf: Shelf) -> ModularEncoder:
    return shelf.encoder(shelf.eng.folder, shelf.deu.folder, shelf.deu_both.folder)


@pytest.fixture
def german_texts() -> list[str]:
    return list(dict.fromkeys(sample_sentences("deu")))[:60]


@pytest.fixture
def index(encoder: ModularEncoder, german_texts: list[str], tmp_path: Path) -> SearchIndex:
    index = SearchIndex(tmp_path / "index", encoder)
    index.append(german_texts, "deu", source="texts")
    return index


def found(index: SearchIndex, question: str, language: str | None = "deu", **options: object) -> list[int]:
    return [hit.number for hit in index.search(question, language, **options)[0].hits]  # type: ignore[arg-type]


def random_passages(rng: np.random.Generator, part: str, count: int, dimension: int = 16) -> Passages:
    vectors = rng.standard_normal((count, dimension)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Passages(part, part, [None] * count, range(count), [f"{part} {row}" for row in range(count)], vectors)


def test_the_ranking_by_vectors_is_that_of_an_exact_search(index: SearchIndex, german_texts: list[str]) -> None:
    passages = index.encoder.encode_document(german_texts, "deu")
    questions = ["Wo ist der Bahnhof?", german_texts[5]]
    for question, vector in zip(questions, index.vectors(questions, "deu"), strict=True):
        best = np.argsort(-(passages @ vector), kind="stable")[:5] + 1
        assert found(index, question, mode="vectors", top=5) == best.tolist()
    (answer,) = index.search(german_texts[5], "deu", mode="vectors", top=3)
    plain = index.encoder.encode_query(german_texts[5], "deu")
    expected = [float(plain @ passages[hit.number - 1]) for hit in answer.hits]
    assert [hit.similarity for hit in answer.hits] == pytest.approx(expected, abs=1e-5)
    assert answer.hits[0].source == "texts"
    assert answer.hits[0].language == "deu"


def test_words_find_a_passage_by_a_part_of_a_word_and_both_fuses_the_two(
    index: SearchIndex, german_texts: list[str]
) -> None:
    index.append(["Zebrastreifenmarkierungen"], "deu", source="other")
    (answer,) = index.search("Zebrastreifen", "deu", mode="words", top=1)
    assert answer.hits[0].text == "Zebrastreifenmarkierungen"
    assert found(index, german_texts[0], top=1) == [1]
    assert index.search("Zebrastreifen", "deu")[0].mode == "both"
    assert fused([1, 2, 3], [3, 4]) == [3, 1, 2, 4]
    assert fused([1, 2], []) == [1, 2]


def test_questions_in_another_language_are_aligned_and_found_by_vectors(
    encoder: ModularEncoder, tmp_path: Path, english: list[str]
) -> None:
    index = SearchIndex(tmp_path, encoder)
    index.append(english, "eng")
    (answer,) = index.search("Wo ist der Bahnhof?", "deu", top=len(english))
    assert answer.mode == "vectors"
    expected = (
        encoder.encode_query("Wo ist der Bahnhof?", "deu", align=True) @ encoder.encode_document(english, "eng").T
    )
    assert [hit.number for hit in answer.hits] == (np.argsort(-expected) + 1).tolist()
    assert index.composed("deu") == "questions in deu (aligned), passages in eng"
    assert index.composed("eng") == "questions in eng, passages in eng"


def test_a_language_of_the_corpus_is_asked_as_its_passages_are_encoded(
    encoder: ModularEncoder, tmp_path: Path, german: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    for align in (False, True):
        index = SearchIndex(tmp_path / str(align), encoder)
        index.append(german, "deu", align=align)
        asked = encoder.encode_query(german[:2], "deu", align=align)
        np.testing.assert_allclose(index.vectors(german[:2], "deu"), asked, atol=1e-6)
    assert "without alignment" not in caplog.text
    SearchIndex(tmp_path / "False", encoder).search("Where is it?", "eng")
    assert "the passages in deu were encoded without alignment" in caplog.text
    with pytest.raises(CompositionError, match="deu were encoded with other modules or another alignment"):
        index.append(["Neu."], "deu", align=False)


def test_what_was_added_is_not_added_again_and_an_opened_index_goes_on(
    index: SearchIndex, german_texts: list[str]
) -> None:
    assert index.append(german_texts, "deu", source="texts") == 0
    again = SearchIndex(index.folder, index.encoder)
    assert again.append(["Etwas Neues."], "deu") == 1
    assert len(again) == len(german_texts) + 1
    assert again.search("Etwas Neues.", "deu")[0].hits[0].text == "Etwas Neues."
    assert again.languages == ["deu"]


def test_questions_of_several_languages_are_asked_together(index: SearchIndex, english: list[str]) -> None:
    index.append(english, "eng")
    together = index.search(["Wo ist der Bahnhof?", "Where is it?"], ["deu", "eng"])
    alone = [index.search("Wo ist der Bahnhof?", "deu")[0], index.search("Where is it?", "eng")[0]]
    assert [[hit.text for hit in one.hits] for one in together] == [[hit.text for hit in one.hits] for one in alone]
    with pytest.raises(InputTextError, match="a language for each of 1 questions, found 2"):
        index.search("Wo?", ["deu", "eng"])


def test_languages_of_questions_and_passages_are_detected(
    encoder: ModularEncoder, german_texts: list[str], tmp_path: Path
) -> None:
    english = list(dict.fromkeys(sample_sentences("eng")))[:60]
    named, detected = SearchIndex(tmp_path / "named", encoder), SearchIndex(tmp_path / "detected", encoder)
    named.append(german_texts, "deu")
    named.append(english, "eng")
    mixed = [text for pair in zip(german_texts, english, strict=True) for text in pair]
    assert detected.append(mixed, "auto") == len(mixed)
    # Short sentences may be uncertain, and are then the base's.
    assert {"deu", "eng"} <= set(detected.languages) <= {"deu", "eng", None}
    questions = ["Wo ist hier in der Nähe der Bahnhof?", "Where is the nearest railway station?"]
    answers = named.search(questions, "auto")
    assert [answer.language for answer in answers] == ["deu", "eng"]
    assert answers == named.search(questions, ["deu", "eng"])


def test_a_folder_that_encode_has_written_is_a_corpus(
    encoder: ModularEncoder, german: list[str], english: list[str], tmp_path: Path
) -> None:
    rows = {"text": [*german, None, *english], "code": ["deu"] * 12 + ["eng"] * 13, "id": range(25)}
    pq.write_table(pa.table(rows), tmp_path / "in.parquet")
    corpus, output = Corpus.open([tmp_path / "in.parquet"], "text", language_column="code"), tmp_path / "out"
    options = {"align": True, "prompt_name": "document", "empty": "missing", "rows_per_shard": 10}
    encode_corpus(encoder, corpus, output, **options)
    last = output / "part-000002.parquet"
    last.rename(tmp_path / "later")
    index = SearchIndex(output, encoder)
    assert len(index) == 19
    (tmp_path / "later").rename(last)
    index = SearchIndex(output, encoder)
    assert len(index) == len(SearchIndex(output, encoder)) == 24
    hit = index.search(english[3], "eng", top=1)[0].hits[0]
    assert (hit.text, hit.language, hit.columns["id"]) == (english[3], "eng", 16)
    assert (hit.source, hit.number) == ("part-000001.parquet", 6)
    assert encode_corpus(encoder, corpus, output, **options) == 0  # the folder is still what encode made
    encode_corpus(encoder, Corpus.open([tmp_path / "in.parquet"], "text", "deu"), tmp_path / "bare", empty="missing")
    with pytest.raises(AdaptersHubError, match=r"lacks the column 'text'.*--as document, or with --keep text"):
        SearchIndex(tmp_path / "bare", encoder)


def test_a_question_that_nothing_answers_is_told_from_one_that_something_does() -> None:
    rng = np.random.default_rng(0)
    passages = random_passages(rng, "a", 2000, 64).vectors
    calibration = Calibration(passages[::2], len(passages))
    related = passages[:200] + 0.8 * rng.standard_normal((200, 64)).astype(np.float32) / 8
    unrelated = rng.standard_normal((200, 64)).astype(np.float32)
    best = [
        [calibration.standard_scores(one, passages).max() for one in questions] for questions in (related, unrelated)
    ]
    assert np.mean(np.array(best[0]) > calibration.threshold) > 0.95
    assert np.mean(np.array(best[1]) > calibration.threshold) < 0.1
    assert Calibration(passages, 1_000_000).threshold > calibration.threshold


def test_a_passage_that_is_near_to_everything_is_not_found_for_unrelated_questions() -> None:
    rng = np.random.default_rng(1)
    passages = random_passages(rng, "a", 500, 64).vectors + np.eye(64, dtype=np.float32)[0]
    passages /= np.linalg.norm(passages, axis=1, keepdims=True)
    passages[7] = passages.mean(0) / np.linalg.norm(passages.mean(0))  # the hub
    questions = random_passages(rng, "q", 300, 64).vectors + np.eye(64, dtype=np.float32)[0]
    plain = (questions @ passages.T).argmax(1) == 7
    corrected = (Calibration(passages, 500).without_hubs(questions) @ passages.T).argmax(1) == 7
    assert plain.mean() > 0.5
    assert corrected.mean() < 0.1


def test_a_small_corpus_answers_without_calibration(encoder: ModularEncoder, tmp_path: Path) -> None:
    index = SearchIndex(tmp_path, encoder)
    index.append(["Eins.", "Zwei."], "deu")
    (answer,) = index.search("Drei?", "deu")
    assert answer.answered
    assert np.isnan(answer.hits[0].standard_score)


def test_many_passages_are_found_by_an_index_and_so_are_new_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(2)
    first = random_passages(rng, "first", 3000)
    exact = PassageTable(tmp_path)
    exact.add(first)
    exact.index(words=True)
    expected = [exact.nearest(vector, 10) for vector in first.vectors[:20]]
    monkeypatch.setattr(table, "EXACT_BELOW", 1000)
    monkeypatch.setattr(table, "_FEW_NEW", 10)
    indexed = PassageTable(tmp_path)
    indexed.index(words=False)
    near = [indexed.nearest(vector, 10) for vector in first.vectors[:20]]
    assert np.mean([len(set(a) & set(b)) / 10 for a, b in zip(expected, near, strict=True)]) > 0.9
    second = random_passages(rng, "second", 100)
    for vector in (second.vectors[3],):
        indexed.add(second)
        assert indexed.read(indexed.nearest(vector, 1))[0][0]["text"] == "second 3"
        indexed.index(words=True)
        assert indexed.read(indexed.nearest(vector, 1))[0][0]["text"] == "second 3"
        assert indexed.read(indexed.with_words("second 3", 1))[0][0]["text"] == "second 3"


_WRITER = """
import sys, numpy as np
from pathlib import Path
from adapters_hub.search.table import PassageTable, Passages
table = PassageTable(Path(sys.argv[1]))
for number in range(10_000):
    vectors = np.full((200, 64), 1 / 8, dtype=np.float32)
    table.add(Passages(str(number), "s", [None] * 200, range(200), [f"passage {number}"] * 200, vectors))
    print(number, flush=True)
"""


def test_a_killed_writer_leaves_the_parts_that_it_had_finished(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    for delay in (0.0, 0.003, 0.01):
        there = PassageTable(tmp_path)
        before = len(there)
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITER.replace("str(number)", f"'{delay}-' + str(number)"), str(tmp_path)],
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        assert writer.stdout is not None
        for _ in range(3):
            finished = int(writer.stdout.readline()) + 1
        time.sleep(delay)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        left = PassageTable(tmp_path)
        assert len(left) % 200 == 0
        assert len(left) >= before + 200 * finished
        left.index(words=True)
        ids = left.with_words("passage 2", 1)
        assert left.read(ids)[0][0]["text"] == "passage 2"


def test_a_killed_beginning_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / "passages.lance" / "data").mkdir(parents=True)
    begun = PassageTable(tmp_path)
    assert len(begun) == 0
    begun.add(random_passages(np.random.default_rng(0), "a", 3))
    assert len(PassageTable(tmp_path)) == 3


def test_other_modules_are_refused_by_their_fingerprints(
    shelf: Shelf, index: SearchIndex, encoder: ModularEncoder, tmp_path: Path
) -> None:
    with pytest.raises(CompositionError, match=r"passages in deu, whose module is not loaded \(loaded: eng\)"):
        SearchIndex(index.folder, shelf.encoder(shelf.eng.folder))
    record = index.folder / "search.json"
    facts = json.loads(record.read_text())
    facts["languages"]["deu"] = ["0" * 64]
    record.write_text(json.dumps(facts))
    with pytest.raises(CompositionError, match=r"of deu has the fingerprint \w{12}, expected 000000000000: load what"):
        SearchIndex(index.folder, encoder)
    base_only = SearchIndex(tmp_path / "base", encoder)
    base_only.append(["One.", "Two."], None)
    (tmp_path / "base" / "search.json").write_text('{"format": 1, "languages": {"None": ["00"]}}')
    with pytest.raises(CompositionError, match="the base has the fingerprint"):
        SearchIndex(tmp_path / "base", encoder)


@pytest.mark.parametrize("content", ["", "[]", '{"format": 1}', '{"format": 99, "languages": {}}', "{"])
def test_a_damaged_record_is_told(index: SearchIndex, content: str) -> None:
    (index.folder / "search.json").write_text(content)
    with pytest.raises(AdaptersHubError, match=r"search\.json is damaged"):
        SearchIndex(index.folder, index.encoder)


def test_mistakes_are_told(index: SearchIndex, encoder: ModularEncoder, tmp_path: Path) -> None:
    with pytest.raises(AdaptersHubError, match=r"'kaz' is not loaded \(loaded: eng, deu\)"):
        index.search("Не?", "kaz")
    with pytest.raises(AdaptersHubError, match="did you mean 'deu'"):
        index.search("Was?", "German")
    with pytest.raises(InputTextError, match="is empty"):
        index.search(" ", "deu")
    with pytest.raises(InputTextError, match="mode must be one of auto, vectors"):
        index.search("Was?", "deu", mode="fuzzy")  # type: ignore[arg-type]
    with pytest.raises(InputTextError, match="top must be at least 1"):
        index.search("Was?", "deu", top=0)
    with pytest.raises(AdaptersHubError, match="is empty: append texts"):
        SearchIndex(tmp_path / "empty", encoder).search("Was?", "deu")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.doc").write_text("")
    with pytest.raises(AdaptersHubError, match="other is no corpus"):
        SearchIndex(tmp_path / "other", encoder)


def test_a_question_that_is_too_long_is_cut_and_marked(index: SearchIndex) -> None:
    short, long = index.search(["Wo?", "wo " * 3000], "deu")
    assert (short.cut, long.cut) == (False, True)


def command(*arguments: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["search", *map(str, arguments)])
    if isinstance(done.exception, AdaptersHubError):
        return 1, done.stdout, str(done.exception)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout, done.stderr


def test_the_command_searches_text_files_encoded_folders_and_indexes(
    shelf: Shelf, german: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MSE_CACHE", str(tmp_path / "cache"))
    text = tmp_path / "texts.txt"
    text.write_text("\n\n".join(german) + "\n", encoding="utf-8")
    modules = [part for one in (shelf.eng, shelf.deu, shelf.deu_both) for part in ("--module", one.folder)]
    options = [*modules, "--language", "deu"]
    code, output, note = command(text, german[4], *options, "--top", 2)
    assert code == 0
    head, first, _ = output.splitlines()
    assert head.split() == ["similarity", "stands", "out", "source", "language", "passage"]
    assert first.split()[0] == "1"
    assert "texts.txt:9" in first
    assert "questions in deu, passages in deu" in note
    assert len(list((tmp_path / "cache" / "search").iterdir())) == 1

    code, output, _ = command(tmp_path / "index", "--append", text, *options)
    assert output.strip() == f"12 passages in {tmp_path / 'index'}"
    asked = tmp_path / "questions.txt"
    asked.write_text(f"{german[1]}\n{german[2]}\n", encoding="utf-8")
    code, output, _ = command(tmp_path / "index", "--questions", asked, "--json", "--top", 1)  # modules of the record
    lines = [json.loads(line) for line in output.splitlines()]
    assert [line["hits"][0]["text"] for line in lines] == german[1:3]
    assert lines[0]["hits"][0]["standard_score"] is None

    pq.write_table(pa.table({"text": german}), tmp_path / "in.parquet")
    encode_corpus(
        shelf.encoder(*shelf.folders[:2]),
        Corpus.open([tmp_path / "in.parquet"], "text", "deu"),
        tmp_path / "vectors",
        prompt_name="document",
    )
    code, output, _ = command(tmp_path / "vectors", german[3], "--top", 1)
    assert german[3][:20] in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere", "Was?"], "nowhere does not exist"),
        (["empty.txt", "Was?", "--language", "deu"], "empty.txt is empty"),
        (["one.txt"], "expected a question after the corpus"),
        (["one.txt", "Was?", "--language", "fra"], r"'fra' is not loaded \(loaded: deu\)"),
        ([".", "Was?"], "is no corpus"),
    ],
)
def test_mistakes_on_the_command_line_are_one_line(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.setenv("MSE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "empty.txt").write_text("\n \n")
    (tmp_path / "one.txt").write_text("Eins.\n")
    monkeypatch.chdir(tmp_path)
    code, _, error = command(*arguments, "--module", shelf.deu.folder)
    assert code == 1
    assert len(error.strip().splitlines()) == 1
    with pytest.raises(AdaptersHubError, match=message):
        raise AdaptersHubError(error)

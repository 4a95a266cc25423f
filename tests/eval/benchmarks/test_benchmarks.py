from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from eval.__main__ import app
from eval.benchmarks import BENCHMARKS, GROUPS, Source, data_folder, find_benchmarks
from eval.benchmarks.data import Bitext, Choice, Classification, Similarity
from eval.benchmarks.hub import Hub
from eval.errors import EvaluationError, MissingDataError
from tests.conftest import sample_sentences
from tests.eval.benchmarks.clones import ROWS, write_clones


@pytest.fixture(scope="module")
def clones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clones(tmp_path_factory.mktemp("clones"))


def load(name: str, clones: Path, *languages: str) -> object:
    source = Source(clones)
    benchmark = BENCHMARKS[name]
    found, lacking = benchmark.select(languages, "dev", source)
    assert not lacking
    return benchmark.load(found, "dev", source)


def test_every_benchmark_says_what_it_is() -> None:
    for benchmark in BENCHMARKS.values():
        assert benchmark.title
        assert benchmark.license
        assert benchmark.citation
        assert benchmark.url
    assert {member for members in GROUPS.values() for member in members} <= set(BENCHMARKS)


def test_the_command_lists_each_with_its_languages_and_where_to_get_it() -> None:
    done = CliRunner().invoke(app, ["benchmarks"])
    assert done.exit_code == 0, done.output
    listed = " ".join(done.output.split())
    for benchmark in BENCHMARKS.values():
        assert f"{benchmark.name} {benchmark.title}: {benchmark.task}" in listed
        assert f"--data FOLDER: {benchmark.obtain}" in listed
    assert "eng, azj, kaz, kir, uig, uzn" in listed


def test_a_benchmark_that_is_not_there_is_answered_with_those_that_are() -> None:
    assert [benchmark.name for benchmark in find_benchmarks(["sample", "stsb"])] == [*GROUPS["sample"], "stsb"]
    with pytest.raises(EvaluationError, match=r"no benchmark 'sts'; there are sample.*stsb"):
        find_benchmarks(["sts"])


def test_stsb_pairs_first_sentences_of_one_language_with_second_ones_of_another(clones: Path) -> None:
    data = load("stsb", clones, "eng", "deu", "rus")
    assert isinstance(data, Similarity)
    assert data.parallel
    assert len(data.pairs) == 9
    mixed = data.pairs["eng", "deu"]
    assert mixed.first[1] == sample_sentences("eng")[2]
    assert mixed.second[1] == sample_sentences("deu")[3]
    assert mixed.gold.tolist() == pytest.approx([0.8 * row for row in range(ROWS)])


def test_kardes_takes_english_from_beside_azerbaijani(clones: Path) -> None:
    data = load("kardes", clones, "eng", "azj", "kaz")
    assert isinstance(data, Similarity)
    assert data.pairs["eng", "kaz"].first[0] == sample_sentences("eng")[0]
    assert data.pairs["eng", "kaz"].second[0] == sample_sentences("kaz")[1]


def test_semrel_is_monolingual_and_reads_both_ways_of_writing_a_pair(clones: Path) -> None:
    data = load("semrel", clones, "eng", "hau")
    assert isinstance(data, Similarity)
    assert set(data.pairs) == {("eng", "eng"), ("hau", "hau")}
    assert data.pairs["hau", "hau"].second[2] == sample_sentences("deu")[5]


def test_korsts_keeps_a_lone_quotation_mark(clones: Path) -> None:
    data = load("korsts", clones, "kor")
    assert isinstance(data, Similarity)
    assert data.pairs["kor", "kor"].first[0] == '"' + sample_sentences("deu")[0]


def test_sick_is_joined_by_pair_number_within_the_set(clones: Path) -> None:
    data = load("sick", clones, "eng", "nld")
    assert isinstance(data, Similarity)
    # Pair 0 is in another split, and pair 6 is only in one file.
    assert data.pairs["eng", "nld"].gold.tolist() == [1, 2, 3, 4, 5]
    assert data.pairs["eng", "nld"].second[0] == sample_sentences("deu")[3]
    data = load("sick", clones, "eng", "nld", "pol")
    assert isinstance(data, Similarity)
    assert data.pairs["pol", "eng"].gold.tolist() == [3, 4, 5]
    assert data.pairs["pol", "eng"].first[0] == sample_sentences("rus")[6]


def test_sib_takes_the_usual_script_unless_one_is_named(clones: Path) -> None:
    data = load("sib200", clones, "eng", "zho", "zho_Hant")
    assert isinstance(data, Classification)
    assert list(data.languages) == ["eng_Latn", "zho_Hans", "zho_Hant"]
    assert data.languages["zho_Hans"].test_texts[0] == sample_sentences("tur")[20]
    assert data.languages["zho_Hant"].train_labels[:2] == ["travel", "sports"]


def test_sib_reads_text_in_quotation_marks_as_it_was_meant(clones: Path) -> None:
    data = load("sib200", clones, "eng")
    assert isinstance(data, Classification)
    assert data.languages["eng_Latn"].test_texts[2] == f'He said: "{sample_sentences("eng")[22]}"'


def test_sts17_is_extended_by_the_tracks_in_the_archive(clones: Path) -> None:
    data = BENCHMARKS["sts17"].load(["ces", "fra"], "test", Source(clones))
    assert isinstance(data, Similarity)
    assert set(data.pairs) == {("ces", "ces"), ("fra", "fra"), ("ces", "fra"), ("fra", "ces")}
    assert data.pairs["ces", "fra"].first[1] == sample_sentences("rus")[2]
    assert data.pairs["ces", "fra"].second[1] == sample_sentences("tur")[3]
    assert data.pairs["ces", "fra"].gold.tolist() == [row / 2 for row in range(ROWS)]


def test_flores_is_all_pairs_and_tatoeba_each_with_english(clones: Path) -> None:
    flores, tatoeba = load("flores", clones, "eng", "kaz", "zho"), load("tatoeba", clones, "kaz", "zho", "eng")
    assert isinstance(flores, Bitext)
    assert isinstance(tatoeba, Bitext)
    assert set(flores.pairs) == {("eng_Latn", "kaz_Cyrl"), ("eng_Latn", "zho_Hans"), ("kaz_Cyrl", "zho_Hans")}
    assert flores.multiway is not None
    assert set(tatoeba.pairs) == {("kaz", "eng"), ("cmn", "eng")}
    assert tatoeba.pairs["cmn", "eng"][0][0] == sample_sentences("tur")[0]
    assert tatoeba.multiway is None


def test_belebele_puts_each_answer_behind_the_question(clones: Path) -> None:
    source = Source(clones)
    data = BENCHMARKS["belebele"].load(["eng_Latn", "kaz_Cyrl"], "test", source)
    assert isinstance(data, Choice)
    assert data.candidates["kaz_Cyrl"][2][0] == "? " + sample_sentences("kaz")[2]
    assert data.right.tolist() == [0] * ROWS


def test_what_was_read_is_remembered_with_its_digest(clones: Path) -> None:
    source = Source(clones)
    BENCHMARKS["stsb"].load(["eng"], "dev", source)
    (digest,) = source.read.values()
    assert list(source.read) == ["stsb-multi-mt/data/stsb-en-dev.csv"]
    assert len(digest) == 64


def test_a_folder_without_the_clone_has_no_languages(tmp_path: Path) -> None:
    for benchmark in BENCHMARKS.values():
        found = benchmark.languages(Source(tmp_path), "test")
        assert list(found) == []
        for source in benchmark.sources(None, Hub()):
            assert benchmark.languages(source, "test")


def test_a_file_that_vanishes_is_named_with_where_to_get_it(tmp_path: Path) -> None:
    for name, language in (("stsb", "eng"), ("kardes", "kaz"), ("semrel", "amh"), ("korsts", "kor"), ("sick", "nld")):
        benchmark = BENCHMARKS[name]
        with pytest.raises(
            MissingDataError, match=r"benchmark data .*\.(csv|tsv|txt) is missing: git clone https://git"
        ):
            benchmark.load([language], "dev", Source(tmp_path))
    with pytest.raises(EvaluationError, match=r"no folder with benchmark data at .*nowhere: expected clones"):
        data_folder(tmp_path / "nowhere")


def test_a_clone_has_the_languages_whose_files_of_the_split_are_all_there(tmp_path: Path) -> None:
    write_clones(tmp_path)
    for gone in (
        "stsb-multi-mt/data/stsb-de-dev.csv",
        "Kardes-NLU/Data/azeri/sts.dev.az.csv",  # this file also holds the English sentences
        "sick_nl/data/tasks/sick_nl/SICK_NL.txt",
        "sib-200/data/annotated/kaz_Cyrl/train.tsv",
        "sib-200/data/annotated/zho_Hans/dev.tsv",
        "flores200_dataset/dev/zho_Hans.dev",
        "LASER/data/tatoeba/v1/tatoeba.cmn-eng.cmn",
    ):
        (tmp_path / gone).unlink()
    expected = {
        "stsb": {"eng", "rus"},
        "kardes": {"kaz", "uig"},
        "sick": {"eng", "pol"},
        "sib200": {"eng_Latn", "zho_Hant"},
        "flores": {"eng_Latn", "kaz_Cyrl", "zho_Hant"},
        "tatoeba": {"eng", "kaz"},
    }
    for name, languages in expected.items():
        assert set(BENCHMARKS[name].languages(Source(tmp_path), "dev")) == languages
    for name in ("stsb", "kardes", "sib200", "flores"):
        assert list(BENCHMARKS[name].languages(Source(tmp_path), "test")) == []


def test_a_language_that_is_not_there_is_answered_with_those_that_are(clones: Path) -> None:
    found, lacking = BENCHMARKS["stsb"].select(["eng", "amh"], "dev", Source(clones))
    assert (found, lacking) == (["eng"], ["amh"])
    with pytest.raises(EvaluationError, match=r"stsb has no 'amh'; it has eng, deu"):
        BENCHMARKS["stsb"].load(["amh"], "dev", Source(clones))


def test_sides_of_different_length_are_refused(clones: Path, tmp_path: Path) -> None:
    write_clones(tmp_path)
    path = tmp_path / "LASER/data/tatoeba/v1/tatoeba.kaz-eng.eng"
    path.write_text(path.read_text(encoding="utf-8") + "One more.\n", encoding="utf-8")
    with pytest.raises(EvaluationError, match=r"tatoeba.kaz-eng.kaz has 20 lines and .*eng has 21"):
        BENCHMARKS["tatoeba"].load(["kaz"], "dev", Source(tmp_path))
    pairs = tmp_path / "stsb-multi-mt/data/stsb-de-dev.csv"
    pairs.write_text("".join(pairs.read_text(encoding="utf-8").splitlines(keepends=True)[:-1]), encoding="utf-8")
    with pytest.raises(EvaluationError, match="same number of pairs in every language"):
        BENCHMARKS["stsb"].load(["eng", "deu"], "dev", Source(tmp_path))


def test_a_grade_that_is_no_number_and_a_row_that_is_too_short_are_named(tmp_path: Path) -> None:
    path = tmp_path / "stsb-multi-mt/data/stsb-en-dev.csv"
    path.parent.mkdir(parents=True)
    path.write_text("One.,Two.,3\nThree.,Four.,many\n", encoding="utf-8")
    with pytest.raises(EvaluationError, match=r"row 2: the grade 'many' is not a number"):
        BENCHMARKS["stsb"].load(["eng"], "dev", Source(tmp_path))
    path.write_text("One.,Two.,3\nThree.\n", encoding="utf-8")
    with pytest.raises(EvaluationError, match=r"row 2: expected the columns sentence1, sentence2, score"):
        BENCHMARKS["stsb"].load(["eng"], "dev", Source(tmp_path))


def test_a_split_that_does_not_exist_is_refused_but_a_divided_clone_of_an_undivided_benchmark_is_taken(
    clones: Path,
) -> None:
    with pytest.raises(EvaluationError, match="it has no dev split, only test"):
        BENCHMARKS["sts22"].check_split("dev", Source(clones))
    BENCHMARKS["tatoeba"].check_split("dev", Source(clones))
    with pytest.raises(EvaluationError, match="it has no dev split on the Hub, only test"):
        BENCHMARKS["tatoeba"].check_split("dev", Source(None))


def test_benchmark_files_that_are_not_utf8_are_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.tsv").write_bytes("a\tb\nKälte\tStraße\n".encode("latin-1"))
    (tmp_path / "y.csv").write_text("a,b\n" + "x" * 200_000 + ",y\n")
    source = Source(tmp_path)
    with pytest.raises(EvaluationError, match=r"x\.tsv is not UTF-8 .*: fetch it again") as caught:
        source.lines("x.tsv", "get it")
    assert "\n" not in str(caught.value)
    with pytest.raises(EvaluationError, match=r"x\.tsv is not UTF-8"):
        source.table("x.tsv", "get it", ["a", "b"], delimiter="\t")
    with pytest.raises(EvaluationError, match=r"y\.csv is not a valid table"):
        source.table("y.csv", "get it", ["a", "b"])


def test_hidden_files_of_a_clone_are_no_languages(tmp_path: Path) -> None:
    for name in ("deu_Latn.jsonl", ".deu_Cyrl.jsonl", "_kaz_Cyrl.jsonl"):
        (tmp_path / name).write_text("")
    assert Source(tmp_path).matches("*.jsonl") == ["deu_Latn"]

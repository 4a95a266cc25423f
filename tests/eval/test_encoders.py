from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

from adapters_hub import AdaptersHubError, ModularEncoder
from eval.encoders import CachedEncoder, as_encoder, open_encoders
from eval.encoders.opening import VARIANTS, Settings, names, parse_blend
from eval.errors import EvaluationError
from tests.adapters_hub.conftest import Shelf, bases, shelf
from tests.conftest import sample_sentences, tagged_tokenizer, write_base
from tests.eval.encoders import scored

__all__ = ["bases", "shelf"]  # fixtures

SENTENCES = sample_sentences("deu")[:6]


def opened(specification: str, *variants: str) -> dict[str, object]:
    settings = Settings(variants=variants or ("aligned",), device="cpu")
    return {encoder.name: encoder for encoder in open_encoders(specification, settings)}


def test_a_folder_of_modules_is_scored_in_the_variants_that_are_asked_for(shelf: Shelf, tmp_path: Path) -> None:
    for module in (shelf.eng, shelf.deu, shelf.deu_both):
        (tmp_path / module.manifest.name).symlink_to(module.folder)
    encoders = opened(str(tmp_path), "base", "mono", "aligned", "always")
    assert list(encoders) == ["base", "modules", "modules, aligned", "modules, always aligned"]
    direct = shelf.encoder(shelf.eng.folder, shelf.deu.folder, shelf.deu_both.folder)
    plain, aligned = (direct.encode(SENTENCES, "deu", align=align) for align in (False, True))
    expected = {
        "base": (direct.encode(SENTENCES, None),) * 2,
        "modules": (plain, plain),
        "modules, aligned": (plain, aligned),
        "modules, always aligned": (aligned, aligned),
    }
    for name, encoder in encoders.items():
        for across in (False, True):
            vectors = encoder.encode(SENTENCES, "deu", across)  # type: ignore[attr-defined]
            assert np.array_equal(vectors, expected[name][across]), name
    one = encoders["modules, aligned"]
    assert len(one.modules("deu", False)) == 1  # type: ignore[attr-defined]
    assert len(one.modules("deu", True)) == 2  # type: ignore[attr-defined]
    assert one.fingerprint("deu", False) != one.fingerprint("deu", True)  # type: ignore[attr-defined]
    # The pivot has no adapter, so its vectors are the same in both cases and are encoded once.
    assert one.fingerprint("eng", False) == one.fingerprint("eng", True)  # type: ignore[attr-defined]


def test_blends_of_adapters_are_rows_of_their_own(shelf: Shelf) -> None:
    folders = ",".join(
        str(module.folder) for module in (shelf.eng, shelf.kaz, shelf.kaz_paraphrase, shelf.kaz_parallel)
    )
    blends = [parse_blend(text) for text in ("parallel", "parallel=0.7, paraphrase=0.3", "parallel=0.2,paraphrase=0.8")]
    settings = Settings(variants=("mono", "aligned"), device="cpu", blends=blends)
    encoders = {encoder.name: encoder for encoder in open_encoders(f"modules:{folders}", settings)}
    aligned = ["parallel", "0.7 parallel + 0.3 paraphrase", "0.2 parallel + 0.8 paraphrase"]
    assert list(encoders) == ["modules", *(f"modules, aligned: {blend}" for blend in aligned)]
    direct = shelf.encoder(shelf.eng.folder, shelf.kaz.folder, shelf.kaz_paraphrase.folder, shelf.kaz_parallel.folder)
    for encoder, blend in zip(list(encoders.values())[1:], blends, strict=True):
        expected = direct.encode(SENTENCES, "kaz", align={"kaz": blend})
        assert np.array_equal(encoder.encode(SENTENCES, "kaz", True), expected)
        assert np.array_equal(encoder.encode(SENTENCES, "kaz", False), direct.encode(SENTENCES, "kaz"))
    # The cache uses these keys: another blend is encoded anew.
    assert len({encoder.fingerprint("kaz", True) for encoder in encoders.values()}) == 4


def test_what_encoders_are_called_is_known_before_they_are_opened(shelf: Shelf) -> None:
    modules = ",".join(str(module.folder) for module in (shelf.eng, shelf.kaz, shelf.kaz_parallel))
    base = str(shelf.base.source)
    every = Settings(tuple(VARIANTS), device="cpu", blends=[{"parallel": 1.0}, {"parallel": 0.5}])
    for specification in (modules, f"mine={modules}", base, f"base={base}"):
        for settings in (every, Settings(("mono",), device="cpu")):
            opened = [encoder.name for encoder in open_encoders(specification, settings)]
            assert names(specification, settings) == opened
    assert names("st:org/name", every) == ["org/name"]


@pytest.mark.parametrize(
    "text", ["", "best", "parallel=", "parallel=much", "parallel,parallel", "parallel=0.5,best=0.5"]
)
def test_a_blend_that_is_none_is_told(text: str) -> None:
    with pytest.raises(EvaluationError, match="--align takes objectives .*, not "):
        parse_blend(text)


def test_names_lists_and_bases(shelf: Shelf) -> None:
    assert list(opened(f"mine={shelf.eng.folder},{shelf.deu.folder}")) == ["mine"]
    assert list(opened(f"base={shelf.base.source}")) == ["base"]
    (base,) = opened(str(shelf.base.source)).values()
    assert base.kind == "base"  # type: ignore[attr-defined]
    assert base.languages() is None  # type: ignore[attr-defined]
    with pytest.raises(AdaptersHubError, match="no base encoder at"):
        opened("/nowhere")
    with pytest.raises(EvaluationError, match="no variant 'best'"):
        opened(str(shelf.eng.folder), "best")


def test_the_fingerprint_of_a_base_covers_its_embeddings_and_the_precision(shelf: Shelf) -> None:
    encoder = shelf.encoder(shelf.deu.folder)
    before = encoder.fingerprints(None)
    encoder.encode(SENTENCES, "deu")  # this activates other embeddings
    assert encoder.fingerprints(None) == before
    encoder.encode(SENTENCES, None)  # this makes the tokenizer cut
    assert encoder.fingerprints(None) == before
    (exact,) = (encoder.fingerprint("deu", False) for encoder in open_encoders(shelf.base.source, Settings()))
    half = Settings(precision="bfloat16")
    (rough,) = (encoder.fingerprint("deu", False) for encoder in open_encoders(shelf.base.source, half))
    assert exact != rough


@pytest.fixture(scope="module")
def transformer(shelf: Shelf) -> SentenceTransformer:
    word = Transformer(str(shelf.base.source), max_seq_length=64)
    pooling = Pooling(word.get_embedding_dimension(), pooling_mode="mean")
    return SentenceTransformer(modules=[word, pooling], device="cpu", prompts={"p": "query: "}, default_prompt_name="p")


def test_a_sentence_transformer_gives_what_the_base_gives(
    transformer: SentenceTransformer, shelf: Shelf, tmp_path: Path
) -> None:
    transformer.save(str(tmp_path / "st"))
    (opened_one,) = opened(str(tmp_path / "st")).values()
    loaded = shelf.base
    direct = ModularEncoder(shelf.base.source, device="cpu")
    prompted = [f"query: {sentence}" for sentence in SENTENCES]
    for encoder in (as_encoder(transformer), opened_one):
        vectors = CachedEncoder(encoder, None)(SENTENCES, "deu")  # type: ignore[arg-type]
        assert vectors == pytest.approx(direct.encode(prompted, None), abs=1e-5)
    assert loaded.prompt == ""
    assert as_encoder(transformer).fingerprint("deu", False) == opened_one.fingerprint("deu", False)  # type: ignore[attr-defined]


def test_objects_are_scored_as_they_are(shelf: Shelf, transformer: SentenceTransformer, tmp_path: Path) -> None:
    modular = shelf.encoder(shelf.eng.folder, shelf.deu.folder, shelf.deu_both.folder)
    for model in (modular, transformer):
        encoder = as_encoder(model, type(model).__name__)
        result = scored(encoder, "sample-pairs", tmp_path, languages=["eng", "deu"])
        assert result.mean("cross") is not None
    with pytest.raises(EvaluationError, match="a str cannot be scored: expected a ModularEncoder"):
        as_encoder("LaBSE")


def test_a_length_holds_for_every_kind_of_encoder_and_is_part_of_what_vectors_are_kept_by(
    shelf: Shelf, transformer: SentenceTransformer, tmp_path: Path
) -> None:
    transformer.save(str(tmp_path / "st"), create_model_card=False)
    modules = f"modules:{shelf.eng.folder},{shelf.deu.folder}"
    direct = shelf.encoder(shelf.eng.folder, shelf.deu.folder)
    for specification, language in ((str(shelf.base.source), None), (modules, "deu"), (f"st:{tmp_path / 'st'}", None)):
        (short,) = open_encoders(specification, Settings(device="cpu", prompt="", max_length=6))
        (usual,) = open_encoders(specification, Settings(device="cpu", prompt=""))
        vectors = CachedEncoder(short, None)(SENTENCES, "deu")
        np.testing.assert_allclose(vectors, direct.encode(SENTENCES, language, max_length=6), atol=1e-5)
        assert np.abs(vectors - CachedEncoder(usual, None)(SENTENCES, "deu")).max() > 0.01
        assert short.fingerprint("deu", False) != usual.fingerprint("deu", False)
        assert short.describe()["max_length"] == 6
    (base,) = open_encoders(str(shelf.base.source), Settings(device="cpu", max_length=6))
    assert base.describe()["as_it_comes"] is False


def test_a_base_is_told_which_language_it_reads(tmp_path: Path) -> None:
    folder = write_base(tmp_path / "sonar", "m2m_100", tagged_tokenizer())
    (base,) = open_encoders(str(folder), Settings(device="cpu"))
    direct = ModularEncoder(folder, device="cpu")
    for language in ("deu", "kaz_Cyrl"):
        expected = direct.encode(SENTENCES, None, base_language=language)
        np.testing.assert_array_equal(base.encode(SENTENCES, language, False), expected)
    assert base.fingerprint("deu", False) != base.fingerprint("kaz", False)
    assert base.fingerprint("kaz", False) == base.fingerprint("kaz_Cyrl", True)


def test_modules_are_scored_a_second_time_with_languages_that_are_detected(shelf: Shelf) -> None:
    settings = Settings(("base", "mono", "always"), device="cpu", auto=True, blends=({"both": 0.5},))
    source = f"{shelf.eng.folder},{shelf.deu.folder},{shelf.deu_both.folder}"
    found = {encoder.name: encoder for encoder in open_encoders(source, settings)}
    assert sorted(found) == sorted(names(source, settings))
    assert len(found) == 5
    for told in ("modules", "modules, always aligned: 0.5 both"):
        detected = found[f"{told}, detected"]
        np.testing.assert_array_equal(
            detected.encode(SENTENCES, "eng", False), found[told].encode(SENTENCES, "deu", False)
        )
        assert detected.fingerprint("deu", False) == detected.fingerprint("eng", False)
        assert detected.fingerprint("deu", False) != found[told].fingerprint("deu", False)
        assert detected.modules("deu", False) == ()
    assert found["modules, detected"].fingerprint("deu", False) != detected.fingerprint("deu", False)

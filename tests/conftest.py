"""Tiny random base encoders of all architectures, and untrained modules."""

from __future__ import annotations

import contextlib
import csv
import gc
import json
import os
import resource
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_OFFLINE"] = "1"
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import datasets.config
import pytest
import torch
from filelock import FileLock
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertForMaskedLM,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GemmaTokenizer,
    M2M100Config,
    M2M100Model,
    ModernBertConfig,
    ModernBertForMaskedLM,
    NllbTokenizer,
    PreTrainedTokenizerFast,
    Qwen2Tokenizer,
    Qwen3Config,
    Qwen3ForCausalLM,
    XLMRobertaConfig,
    XLMRobertaForMaskedLM,
)

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "sample_data" / "meanings" / "train.tsv"
ARCHITECTURES = ("bert", "xlm-roberta", "modernbert", "m2m_100", "qwen3", "gemma3_text")
CAUSAL = ("qwen3",)
"""Architectures whose tokens attend only to earlier tokens."""
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]


def pytest_configure() -> None:
    gc.disable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, for several workers; one starts with a fixture that others would wait for later."""
    first = ("tests/trainer/runs/test_sample_evaluation.py", "tests/trainer/runs/", "tests/demo/test_page.py")
    places = {place: number for number, place in enumerate(first)}
    items.sort(key=lambda item: min((places[place] for place in first if item.nodeid.startswith(place)), default=9))


def pytest_collection_finish() -> None:
    """From here on, garbage is looked for among what the tests make, and not among all that they import."""
    gc.freeze()
    gc.enable()


@contextlib.contextmanager
def file_limit(size: int) -> Iterator[None]:
    """Let no file grow over `size` bytes, which causes a real failure in the middle of writing.

    The limit holds for the whole process, and pytest's own output may go to a file: keep the body short.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def sample_sentences(language: str) -> list[str]:
    """Sentences and paraphrases from the sample data."""
    with SAMPLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [row[column] for row in rows for column in (language, f"{language}_paraphrase")]


def build_tokenizer(kind: str = "unigram", size: int = 800) -> PreTrainedTokenizerFast:
    """A tokenizer trained on German and Kazakh sample text, with the special tokens first (padding is 1)."""
    text = sample_sentences("deu") + sample_sentences("kaz")
    if kind == "unigram":
        tokenizer = Tokenizer(models.Unigram())
        trainer = trainers.UnigramTrainer(
            vocab_size=size, special_tokens=[*SPECIAL, "<mask>"], unk_token="<unk>", show_progress=False
        )
    elif kind == "bpe":
        tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
        trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=[*SPECIAL, "<mask>"], show_progress=False)
    else:
        tokenizer = Tokenizer(models.WordPiece(unk_token="<unk>"))
        trainer = trainers.WordPieceTrainer(vocab_size=size, special_tokens=[*SPECIAL, "<mask>"], show_progress=False)
    tokenizer.normalizer = normalizers.NFKC()
    if kind == "wordpiece":
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        tokenizer.decoder = decoders.Metaspace()
    tokenizer.train_from_iterator(text, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        special_tokens=[("<s>", tokenizer.token_to_id("<s>")), ("</s>", tokenizer.token_to_id("</s>"))],
    )
    return _with_special_tokens(tokenizer)


def _with_special_tokens(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        cls_token="<s>",
        eos_token="</s>",
        sep_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        mask_token="<mask>",
        model_max_length=128,
    )


def build_qwen_tokenizer(size: int = 800) -> Qwen2Tokenizer:
    """A tokenizer like Qwen3-Embedding's: bytes, an end-of-text token that also pads, padding on the left, no mask."""
    special = ["<|im_start|>", "<|endoftext|>", "<|im_end|>"]
    empty = Qwen2Tokenizer(vocab={token: number for number, token in enumerate(special)}, merges=[])
    vocabulary, merges = _trained(empty, special, size, pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Qwen2Tokenizer(
        vocab=vocabulary,
        merges=merges,
        unk_token=None,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        extra_special_tokens=["<|im_start|>"],
        padding_side="left",
        model_max_length=128,
    )
    tokenizer.backend_tokenizer.post_processor = processors.Sequence(
        [
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(
                single="$A <|endoftext|>", pair="$A $B <|endoftext|>", special_tokens=[("<|endoftext|>", 1)]
            ),
        ]
    )
    return tokenizer


def build_gemma_tokenizer(size: int = 800) -> GemmaTokenizer:
    """A tokenizer like EmbeddingGemma's: text is not split into words, and bytes stand for unknown characters."""
    special = ["<bos>", "<pad>", "<eos>", "<unk>", "<mask>"]
    empty = GemmaTokenizer(vocab={token: number for number, token in enumerate(special)}, merges=[])
    empty.backend_tokenizer.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    vocabulary, merges = _trained(empty, special, size - 256, [])
    vocabulary |= {f"<0x{byte:02X}>": len(vocabulary) + byte for byte in range(256)}
    return GemmaTokenizer(
        vocab=vocabulary,
        merges=merges,
        add_bos_token=True,
        add_eos_token=True,
        padding_side="left",
        model_max_length=128,
    )


OWN_TOKENIZERS: dict[str, Callable[[int], PreTrainedTokenizerFast]] = {
    "qwen3": build_qwen_tokenizer,
    "gemma3_text": build_gemma_tokenizer,
}
"""Tokenizers for architectures that need their own kind; the others take any."""


def _trained(
    empty: PreTrainedTokenizerFast, special: list[str], size: int, alphabet: list[str]
) -> tuple[dict[str, int], list[tuple[str, str]]]:
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    empty.backend_tokenizer.train_from_iterator(sample_sentences("deu") + sample_sentences("kaz"), trainer)
    model = json.loads(empty.backend_tokenizer.to_str())["model"]
    return model["vocab"], [tuple(merge) for merge in model["merges"]]


def tagged_tokenizer(*tags: str) -> NllbTokenizer:
    """A tokenizer that tags every text with its language, of transformers' own class for NLLB and SONAR."""
    model = json.loads(build_tokenizer("bpe", 400).backend_tokenizer.to_str())["model"]
    merges = [tuple(merge) for merge in model["merges"]]
    return NllbTokenizer(
        vocab=model["vocab"],
        merges=merges,
        extra_special_tokens=list(tags or ("eng_Latn", "deu_Latn", "kaz_Cyrl", "tur_Latn")),
        model_max_length=128,
    )


def write_base(folder: Path, architecture: str, tokenizer: PreTrainedTokenizerFast, seed: int = 0) -> Path:
    """Write a tiny random checkpoint of an architecture, with dropout, into a folder."""
    torch.manual_seed(seed)
    shape = {"vocab_size": len(tokenizer), "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
    bert = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    model: torch.nn.Module
    if architecture == "bert":
        model = BertForMaskedLM(BertConfig(**shape, **bert, max_position_embeddings=128))
        torch.nn.init.normal_(model.cls.predictions.bias)
    elif architecture == "xlm-roberta":
        model = XLMRobertaForMaskedLM(XLMRobertaConfig(**shape, **bert, max_position_embeddings=130))
        torch.nn.init.normal_(model.lm_head.bias)
    elif architecture == "modernbert":
        special = {"cls_token_id": 0, "sep_token_id": 2}
        config = ModernBertConfig(
            **shape,
            **bert,
            **special,
            max_position_embeddings=128,
            local_attention=8,
            global_attn_every_n_layers=2,
            mlp_dropout=0.1,
            attention_dropout=0.1,
        )
        model = ModernBertForMaskedLM(config)
    elif architecture == "qwen3":
        # Like Qwen3-Embedding: no padding id, fewer key heads, heads wider than the hidden size allows.
        decoder = bert | {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16}
        config = Qwen3Config(vocab_size=len(tokenizer), **decoder, max_position_embeddings=128, attention_dropout=0.1)
        model = Qwen3ForCausalLM(config)
    elif architecture == "gemma3_text":
        decoder = bert | {"num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 16}
        config = Gemma3TextConfig(
            **shape,
            **decoder,
            max_position_embeddings=128,
            attention_dropout=0.1,
            query_pre_attn_scalar=24,
            sliding_window=16,
            layer_types=["sliding_attention", "full_attention"],
            use_bidirectional_attention=True,
        )
        model = Gemma3ForCausalLM(config)
    else:
        config = M2M100Config(
            **shape,
            d_model=32,
            encoder_layers=2,
            decoder_layers=1,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=64,
            decoder_ffn_dim=64,
            max_position_embeddings=128,
            encoder_layerdrop=0.0,
            decoder_layerdrop=0.0,
        )
        model = M2M100Model(config)
    # New layers give almost equal outputs; larger weights make every change visible in the vectors.
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 2 and "embed" not in name:
                parameter.mul_(4)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], object]], Path]:
    """Map of a name to a folder, which a function fills on first access; pytest's workers share it."""
    own = tmp_path_factory.getbasetemp()
    root = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "shared"

    def folder(name: str, fill: Callable[[Path], object]) -> Path:
        path, done = root / name, root / f"{name}.done"
        done.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock"):
            if not done.exists():
                shutil.rmtree(path, ignore_errors=True)  # of a worker that failed
                path.mkdir()
                fill(path)
                done.touch()
        return path

    return folder


@pytest.fixture(scope="session")
def tokenizer(once: Callable[..., Path]) -> PreTrainedTokenizerFast:
    """A tiny Unigram tokenizer: that of the bases, since no two trainings give the same."""
    folder = once("tokenizer", lambda path: build_tokenizer().backend_tokenizer.save(str(path / "tokenizer.json")))
    return _with_special_tokens(Tokenizer.from_file(str(folder / "tokenizer.json")))


@pytest.fixture(scope="session")
def base_folders(once: Callable[..., Path], tokenizer: PreTrainedTokenizerFast) -> Callable[[str], Path]:
    """Map of each architecture to the folder of a tiny random base encoder, which is made on first access."""

    def folder(architecture: str) -> Path:
        build = OWN_TOKENIZERS.get(architecture)
        return once(
            f"base/{architecture}",
            lambda path: write_base(path, architecture, build(800) if build else tokenizer),
        )

    return folder


@pytest.fixture(autouse=True, scope="session")
def _own_arrow_files(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep Arrow files of the tests where pytest cleans up, in this process and in those that it starts."""
    folder = tmp_path_factory.mktemp("arrow")
    os.environ["HF_DATASETS_CACHE"] = str(folder)
    # `datasets` reads its environment at import, before any fixture runs.
    datasets.config.HF_DATASETS_CACHE = folder
    datasets.config.DOWNLOADED_DATASETS_PATH = folder / "downloads"
    datasets.config.EXTRACTED_DATASETS_PATH = folder / "downloads" / "extracted"

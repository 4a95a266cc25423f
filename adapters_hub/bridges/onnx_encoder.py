"""Run what `export_onnx` wrote, with onnxruntime, tokenizers and NumPy, without torch."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adapters_hub.bridges.facts import read_export_facts
from adapters_hub.errors import AdaptersHubError, ModuleFormatError
from adapters_hub.requirements import needed_for
from adapters_hub.texts import Empty, read_texts

if TYPE_CHECKING:
    from tokenizers import Encoding

    from adapters_hub.format import PromptName

MODEL_FILE = "onnx/model.onnx"
CONFIG_FILE = "onnx_encoder.json"
OUTPUT = "sentence_embedding"
FORMAT_VERSION = 3
_FACTS: dict[str, type] = {
    "language": str,
    "prompt": str,
    "prompts": dict,
    "max_length": int,
    "dimension": int,
    "pad_token_id": int,
}


class OnnxEncoder:
    """An encoder of one language, loaded from a folder that `export_onnx` wrote.

    Attributes:
        config: prompt, max_length, language, alignment and fingerprints, as they were exported.
        language: ISO 639-3.
        dimension: length of the vectors.

    Args:
        folder: the folder with `onnx/model.onnx`, `tokenizer.json` and `onnx_encoder.json`.
        providers: execution providers of onnxruntime, such as `["CUDAExecutionProvider"]`; by default the CPU.
        threads: threads for each operation; by default the number that onnxruntime chooses.

    Raises:
        AdaptersHubError: onnxruntime or tokenizers is missing.
        ModuleFormatError: the folder is not what `export_onnx` wrote.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        providers: Sequence[str] = ("CPUExecutionProvider",),
        threads: int | None = None,
    ) -> None:
        with needed_for("OnnxEncoder"):
            import onnxruntime  # noqa: F401
            from tokenizers import Tokenizer
        folder = Path(folder)
        self.config = read_export_facts(folder / CONFIG_FILE, "export_onnx", FORMAT_VERSION, _FACTS)
        self.language: str = self.config["language"]
        self.dimension: int = self.config["dimension"]
        self._made_of = (folder.absolute(), tuple(providers), threads)
        try:
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            self._session = self._open()
        except Exception as error:  # both libraries raise their own bare exceptions for a damaged file
            raise ModuleFormatError(
                f"{folder}: {MODEL_FILE} or tokenizer.json cannot be read ({str(error).splitlines()[0]}): "
                "export it again"
            ) from error
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(self.config["max_length"])

    def encode(
        self,
        sentences: str | Iterable[str],
        *,
        prompt_name: PromptName | None = None,
        batch_size: int = 32,
        empty: Empty = "error",
    ) -> np.ndarray:
        """Sentence vectors of unit length.

        Args:
            sentences: one sentence or many. Longer ones are truncated to `max_length` tokens.
            prompt_name: `query` or `document`, for search; None for comparisons of sentences with each other.
            batch_size: sentences per pass; they are sorted by length first.
            empty: what to do about sentences that are empty or missing: `error` raises an error with their numbers,
                `missing` gives them vectors of NaN.

        Returns:
            `[n, dim]` in the order of the sentences, float32; `[dim]` for a single string.

        Raises:
            InputTextError: a sentence is not text, or is empty.
            AdaptersHubError: `batch_size` is less than 1, or the export has no such prompt.
        """
        texts = read_texts(sentences, empty)
        if batch_size < 1:
            raise AdaptersHubError(f"batch_size must be at least 1, not {batch_size}")
        if prompt_name is not None and prompt_name not in self.config["prompts"]:
            raise AdaptersHubError(
                f"expected prompt_name None or {' or '.join(self.config['prompts']) or 'nothing else'}, found "
                f"{prompt_name!r}: use ModularEncoder or export_composed, which pool after every prompt"
            )
        prompt = self.config["prompt"] if prompt_name is None else self.config["prompts"][prompt_name]
        vectors = np.full((texts.count, self.dimension), np.nan, np.float32)
        encodings = self._tokenizer.encode_batch([prompt + text for text in texts.present])
        order = sorted(range(len(encodings)), key=lambda index: len(encodings[index].ids))
        for start in range(0, len(order), batch_size):
            indices = order[start : start + batch_size]
            vectors[[texts.places[index] for index in indices]] = self._run([encodings[index] for index in indices])
        return vectors[0] if isinstance(sentences, str) else vectors

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies, also those in other processes, read the folder again."""
        folder, providers, threads = self._made_of
        return functools.partial(OnnxEncoder, providers=providers, threads=threads), (folder,)

    def _open(self) -> Any:  # noqa: ANN401
        import onnxruntime

        folder, providers, threads = self._made_of
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        if threads is not None:
            options.intra_op_num_threads = threads
        self._process = os.getpid()
        return onnxruntime.InferenceSession(str(folder / MODEL_FILE), options, providers=list(providers))

    def _run(self, encodings: Sequence[Encoding]) -> np.ndarray:
        width = max(len(encoding.ids) for encoding in encodings)
        for encoding in encodings:
            encoding.pad(width, pad_id=self.config["pad_token_id"])
        ids = np.array([encoding.ids for encoding in encodings], np.int64)
        mask = np.array([encoding.attention_mask for encoding in encodings], np.int64)
        if self._process != os.getpid():  # a forked child lacks the threads of its parent's session
            self._session = self._open()
        (vectors,) = self._session.run([OUTPUT], {"input_ids": ids, "attention_mask": mask})
        return np.asarray(vectors)

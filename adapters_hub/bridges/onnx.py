"""One composed language as an ONNX graph: token ids in, unit vectors out."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import torch

from adapters_hub.bridges.exports import (
    check_vectors,
    compose,
    counts_prompt_alike,
    save_tokenizer,
    write_sentence_files,
)
from adapters_hub.bridges.onnx_encoder import CONFIG_FILE, FORMAT_VERSION, MODEL_FILE, OUTPUT, OnnxEncoder
from adapters_hub.cards import render_export_card
from adapters_hub.encoder import Extract, ModularEncoder, prompt_length
from adapters_hub.encoder.alignment import Align
from adapters_hub.errors import AdaptersHubError
from adapters_hub.folders import write_folder
from adapters_hub.format import CARD, ROLES, WITHOUT_PROMPT
from adapters_hub.json_files import write_json
from adapters_hub.requirements import needed_for

_OPSET = 18
# A protobuf, and so a graph in one file, is limited to 2 GB.
_LARGEST_FILE = 1_900_000_000


def export_onnx(
    encoder: ModularEncoder,
    language: str,
    folder: str | os.PathLike[str],
    *,
    align: Align = False,
    replace: bool = False,
) -> Path:
    """Write one language as ONNX, alignment included, and check it against torch.

    The graph contains the merged LoRAs, the language's embeddings, the alignment bottlenecks if `align` asks for them,
    pooling, and scaling to unit length. Inputs are `input_ids` and `attention_mask` `[batch, tokens]`, int64, of any
    size up to the module's `max_length`; outputs are `last_hidden_state` `[batch, tokens, width]` and
    `sentence_embedding` `[batch, dim]`.

    The folder has the layout that other libraries expect: `onnx/model.onnx`, transformers' `config.json` and tokenizer
    files, and a card. Unless sentence-transformers would count the prompt's tokens differently, it is also a
    SentenceTransformer for `backend="onnx"`. `onnx_encoder.json` records the prompt to put before every sentence, and
    what was exported. `OnnxEncoder` runs it.

    Args:
        encoder: an encoder in float32.
        language: a language that is loaded.
        folder: the folder to write.
        align: as for `ModularEncoder.encode`.
        replace: replace an existing folder.

    Returns:
        The folder.

    Raises:
        AdaptersHubError: a package is missing, the folder cannot be written, or onnxruntime's vectors differ from
            torch's by more than 1e-4; then nothing is written.
        CompositionError: the language is not loaded.
        InputTextError: an alignment adapter is not loaded, or the choice among several is ambiguous.
    """
    with needed_for("an export to ONNX"):
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    composed = compose(encoder, language, align)
    with write_folder(folder, replace=replace) as unfinished:
        path = unfinished / MODEL_FILE
        path.parent.mkdir()
        _write_graph(composed, path)
        save_tokenizer(composed, unfinished)
        _write_settings(unfinished, composed)
        write_json(unfinished / CONFIG_FILE, _config(encoder, composed))
        check_vectors(composed, OnnxEncoder(unfinished, threads=torch.get_num_threads()).encode, str(folder))
    return Path(folder)


def _write_graph(composed: Extract, path: Path) -> None:
    # Attention as plain matrix products: fused attention and its mask differ between backends.
    composed.backbone.set_attn_implementation("eager")
    size = sum(tensor.numel() * tensor.element_size() for tensor in composed.state_dict().values())
    ids = torch.tensor([[5, 6, 7, 8, 9, 10, 11], [5, 6, 7, 8, 0, 0, 0]])
    mask = torch.tensor([[1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0, 0]])
    ids[mask == 0] = int(composed.tokenizer.pad_token_id)
    dimensions = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    with warnings.catch_warnings():
        # torch.export causes torch's own deprecation warning when it copies tree specifications.
        warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)` is deprecated", FutureWarning)
        try:
            program = torch.onnx.export(
                composed,
                (ids, mask),
                input_names=["input_ids", "attention_mask"],
                output_names=["last_hidden_state", OUTPUT],
                dynamic_shapes={"input_ids": dimensions, "attention_mask": dimensions},
                opset_version=_OPSET,
                dynamo=True,
                verbose=False,
            )
        except (torch.onnx.errors.OnnxExporterError, RuntimeError, ValueError) as error:
            lines = [line for line in str(error).splitlines() if line.startswith("<class")] or str(error).splitlines()
            raise AdaptersHubError(
                f"torch {torch.__version__} cannot write {composed.backbone.config.model_type!r} as ONNX with opset "
                f"{_OPSET} ({lines[0] if lines else type(error).__name__}): try export_composed"
            ) from error
    assert program is not None
    for node in program.model.graph.all_nodes():
        node.metadata_props.clear()  # the lines and paths of code on this machine
    program.save(str(path), external_data=size > _LARGEST_FILE)


def _write_settings(folder: Path, composed: Extract) -> None:
    """Write the settings that transformers and sentence-transformers read, and the card."""
    manifest, config = composed.manifest, composed.backbone.config
    config.architectures = [type(composed.backbone).__name__]
    config.save_pretrained(folder)
    is_sentence_transformer = counts_prompt_alike(composed)
    if is_sentence_transformer:
        write_sentence_files(composed, folder, {"max_seq_length": manifest.max_length, "do_lower_case": False}, {})
    card = render_export_card("onnx", [manifest], composed.adapters, is_sentence_transformer=is_sentence_transformer)
    (folder / CARD).write_text(card, encoding="utf-8")


def _pools_alike(composed: Extract, prompt: str) -> bool:
    """Whether the graph, which has the length of one prompt built in, pools correctly after another one."""
    own, other = (prompt_length(composed.tokenizer, text) for text in (composed.manifest.prompt, prompt))
    return composed.manifest.pooling != WITHOUT_PROMPT or own == other


def _config(encoder: ModularEncoder, composed: Extract) -> dict[str, object]:
    manifest = composed.manifest
    prompts = dict.fromkeys(ROLES, manifest.prompt) | composed.prompts
    return {
        "format_version": FORMAT_VERSION,
        "language": manifest.language,
        "prompt": manifest.prompt,
        "prompts": {name: prompt for name, prompt in prompts.items() if _pools_alike(composed, prompt)},
        "max_length": manifest.max_length,
        "dimension": manifest.dimension,
        "pooling": manifest.pooling,
        "pad_token_id": composed.tokenizer.pad_token_id,
        "aligned": composed.bottlenecks is not None,
        "opset": _OPSET,
        "base": {"hub_id": encoder.base.hub_id, "fingerprint": encoder.base.fingerprint},
        "fingerprints": list(composed.fingerprints),
    }

"""Generator of hostile modules: a sound module with one named change, and a manifest updated to match."""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from adapters_hub.format import list_files, read_manifest
from tests.adapters_hub.builders import SCORE

Mutation = Callable[[Path], object]
"""A change to a module folder."""

WEIGHTS = "adapter_model.safetensors"
LORA = "language_adapter"


def seal(folder: Path) -> None:
    """Update the manifest to match the files, because the attacker is the publisher."""
    manifest = read_manifest(folder)
    kept = {name: entry for name, entry in list_files(folder).items() if name in manifest.needed_files}
    manifest = dataclasses.replace(manifest, files=kept)
    dataclasses.replace(manifest, fingerprint=manifest.computed_fingerprint()).write(folder)


def edit(folder: Path, name: str, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a JSON file."""
    path = folder / name
    values = json.loads(path.read_text(encoding="utf-8"))
    change(values)
    path.write_text(json.dumps(values), encoding="utf-8")


def manifest(**changes: Any) -> Mutation:
    return lambda folder: edit(folder, "module.json", lambda values: values.update(changes))


def manifest_text(change: Callable[[str], str]) -> Mutation:
    def mutate(folder: Path) -> None:
        path = folder / "module.json"
        path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")

    return mutate


def tokenizer(change: Callable[[dict[str, Any]], object]) -> Mutation:
    return lambda folder: (edit(folder, "tokenizer.json", change), seal(folder))


def normalizers(*steps: dict[str, Any]) -> Mutation:
    return tokenizer(lambda values: values.update(normalizer={"type": "Sequence", "normalizers": list(steps)}))


def split(pattern: str) -> Mutation:
    step = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    return tokenizer(lambda values: values.update(pre_tokenizer=step))


def model(**changes: Any) -> Mutation:
    return tokenizer(lambda values: values["model"].update(changes))


def replace(pattern: str, content: str, kind: str = "String") -> dict[str, Any]:
    return {"type": "Replace", "pattern": {kind: pattern}, "content": content}


def template(single: list[dict[str, Any]], ids: list[int] | None = None) -> Mutation:
    def change(values: dict[str, Any]) -> None:
        processor = values["post_processor"]
        processor["single"] = single
        if ids is not None:
            processor["special_tokens"]["<s>"] = {"id": "<s>", "ids": ids, "tokens": ["<s>"] * len(ids)}

    return tokenizer(change)


def charsmap(longest: int) -> dict[str, Any]:
    table = struct.pack("<I", 4) + b"\0\0\0\0" + b"x" * longest + b"\0"
    return {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(table).decode()}


def lora(**changes: Any) -> Mutation:
    """Change options of the language LoRA."""
    return lambda folder: (edit(folder, f"{LORA}/adapter_config.json", lambda v: v.update(changes)), seal(folder))


def adapter(**changes: Any) -> Mutation:
    """Change options of an alignment adapter."""
    return lambda folder: (edit(folder, "adapter_config.json", lambda values: values.update(changes)), seal(folder))


def tensors(name: str, change: Callable[[dict[str, torch.Tensor]], object]) -> Mutation:
    def mutate(folder: Path) -> None:
        values = {key: tensor.clone() for key, tensor in load_file(folder / name).items()}
        change(values)
        save_file(values, folder / name, metadata={"format": "pt"})
        seal(folder)

    return mutate


def poisoned(value: float, place: str = "") -> Callable[[dict[str, torch.Tensor]], object]:
    """Change one number of one tensor."""

    def change(values: dict[str, torch.Tensor]) -> None:
        name = next(key for key in sorted(values) if place in key)
        values[name] = values[name].float()
        values[name].view(-1)[-1] = value

    return change


def header(name: str, text: bytes) -> Mutation:
    """Write a safetensors file that consists of a header alone."""
    return lambda folder: ((folder / name).write_bytes(struct.pack("<Q", len(text)) + text), seal(folder))


def _deep(depth: int) -> str:
    return '{"a":' * depth + "1" + "}" * depth


def _fold(folder: Path) -> None:
    path = folder.joinpath(*["d"] * 400)
    path.mkdir(parents=True)
    (path / "x").touch()


def _many_layers(layers: int) -> Mutation:
    """Claim thousands of layers, with a tensor for each, in a file of a few megabytes."""

    def mutate(folder: Path) -> None:
        values = load_file(folder / WEIGHTS)
        first = {name: tensor for name, tensor in values.items() if name.startswith("layers.0.")}
        tiny = {
            f"layers.{layer}.{name.removeprefix('layers.0.')}": torch.zeros(1)
            for layer in range(1, layers)
            for name in first
        }
        save_file(first | tiny, folder / WEIGHTS)
        edit(folder, "adapter_config.json", lambda config: config.update(num_layers=layers))
        seal(folder)

    return mutate


SPECIAL = {"SpecialToken": {"id": "<s>", "type_id": 0}}
TEXT = {"Sequence": {"id": "A", "type_id": 0}}
HUGE = 10**400

LANGUAGE: dict[str, Mutation] = {
    # manifest
    "manifest nested deeply": manifest(training=json.loads(_deep(200))),
    "manifest nested without end": manifest_text(lambda text: '{"a":' * 100_000),
    "manifest key twice": manifest_text(lambda text: text.replace("{", '{"kind": "alignment_adapter",', 1)),
    "manifest prompt of a megabyte": manifest(prompt="x" * (1 << 20)),
    "manifest language of a megabyte": manifest(language="x" * (1 << 20)),
    "manifest kind of three megabytes": manifest(kind="y" * (3 << 20)),
    "manifest pooling of lines": manifest(pooling="mean\n\x1b[31mred\u2028" * 1000),
    "manifest unknown field of a megabyte": manifest(**{"z" * (1 << 20): 1}),
    "manifest length beyond all": manifest(max_length=HUGE),
    "manifest length true": manifest(max_length=True),
    "manifest dimension beyond all": manifest(dimension=-1),
    "manifest size of a file beyond all": lambda folder: edit(
        folder, "module.json", lambda values: values["files"]["tokenizer.json"].update(size=10**30)
    ),
    "manifest score beyond all": manifest(metrics=[SCORE | {"value": HUGE}]),
    "manifest score of no size": manifest(metrics=[SCORE | {"size": {"a": 1}}]),
    "manifest with 17,000 scores": manifest(metrics=[SCORE] * 17_000),
    # tokenizer: memory
    "rules that double thirty times": normalizers(*[replace("a", "aa")] * 30),
    "rules that feed each other": normalizers(
        *[replace(one, other * 3) for one, other in zip("abcdefg", "bcdefgh", strict=True)]
    ),
    "rule that puts in a page": normalizers(replace("a", "b" * 100_000)),
    "rule that matches nothing": normalizers(replace("(?=a)", "bb", "Regex")),
    "rule for anything": normalizers(replace(".", "x" * 30, "Regex"), replace("[^y]", "x" * 30, "Regex")),
    "prepend of a page": normalizers({"type": "Prepend", "prepend": "▁" * 100_000}),
    "thousands of rules": normalizers(*[replace("a", "b")] * 5000),
    "sequences in sequences": tokenizer(
        lambda values: values.update(normalizer=json.loads('{"type":"Sequence","normalizers":[' * 60 + "]}" * 60))
    ),
    "table that puts in long strings": normalizers(charsmap(5000)),
    "two tables": normalizers(charsmap(4), charsmap(4)),
    "table that is none": normalizers({"type": "Precompiled", "precompiled_charsmap": "!"}),
    "pre-tokenizers that lengthen": tokenizer(
        lambda values: values.update(
            pre_tokenizer={
                "type": "Sequence",
                "pretokenizers": [
                    {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
                ]
                * 8,
            }
        )
    ),
    "unknown normalizer": normalizers({"type": "ByteLevel"}),
    "unknown pre-tokenizer": tokenizer(
        lambda values: values.update(pre_tokenizer={"type": "CharDelimiterSplit", "delimiter": "a"})
    ),
    "unknown model": tokenizer(lambda values: values["model"].update(type="WordLevel")),
    # tokenizer: templates
    "template that repeats the text": template([TEXT] * 1000),
    "template with the text twice": template([TEXT, TEXT]),
    "template without the text": template([SPECIAL]),
    "template with many special tokens": template([SPECIAL] * 100 + [TEXT]),
    "template with a token of many ids": template([SPECIAL, TEXT], [0] * 10_000),
    "template with an id beyond": template([SPECIAL, TEXT], [40_000]),
    "template that names no token": template([{"SpecialToken": {"id": "nobody", "type_id": 0}}, TEXT]),
    # tokenizer: time
    "expression that backtracks": split("(a+)+b"),
    "expression with alternatives alike": split("(?:a|a)" * 40 + "b"),
    "expression with options": split("a?" * 40 + "a" * 40),
    "expression that refers back": split(r"(a)\1"),
    "expression with a loop within": split("a*b*c*d*e"),
    "expression that is not closed": split("(a"),
    "expression of a page": split("a|" * 50_000 + "b"),
    "words looked up whole": tokenizer(
        lambda values: values.update(
            model={
                "type": "WordPiece",
                "unk_token": "<unk>",
                "continuing_subword_prefix": "##",
                "max_input_chars_per_word": 1 << 30,
                "vocab": {"<unk>": 0, "<pad>": 1, "<s>": 2, "</s>": 3, "<mask>": 4},
            }
        )
    ),
    # tokenizer: ids
    "id beyond the embeddings": tokenizer(lambda values: values["model"]["vocab"].update({"zzz": 4_000_000})),
    "added token beyond the embeddings": tokenizer(
        lambda values: values["added_tokens"].append(values["added_tokens"][0] | {"id": 400, "content": "zzz"})
    ),
    "negative id": tokenizer(lambda values: values["model"]["vocab"].update({"zzz": -1})),
    "token of a page": tokenizer(lambda values: values["added_tokens"][0].update(content="x" * 100_000)),
    "dropout": model(dropout=0.5),
    "no vocabulary": model(vocab={}, merges=[]),
    "long prefix": model(continuing_subword_prefix="#" * 1000),
    "a merge of nothing": model(merges=[["nobody", "nowhere"]]),
    "tokenizer that is a list": lambda folder: ((folder / "tokenizer.json").write_text("[1]"), seal(folder)),
    "tokenizer key twice": lambda folder: (
        (folder / "tokenizer.json").write_text('{"model": 1, ' + (folder / "tokenizer.json").read_text()[1:]),
        seal(folder),
    ),
    "no padding token": lambda folder: (
        edit(folder, "tokenizer_config.json", lambda values: values.pop("pad_token")),
        seal(folder),
    ),
    "padding token that is new": lambda folder: (
        edit(folder, "tokenizer_config.json", lambda values: values.update(pad_token="<new>")),
        seal(folder),
    ),
    "special tokens that are no texts": lambda folder: (
        edit(folder, "tokenizer_config.json", lambda values: values.update(extra_special_tokens=[[1]])),
        seal(folder),
    ),
    # options of PEFT
    **{
        f"LoRA with {option}": lora(**{option: value})
        for option, value in {
            "fan_in_fan_out": True,
            "rank_pattern": {"query": 2},
            "alpha_pattern": {"query": 2},
            "layer_replication": [[0, 2], [0, 2]],
            "use_dora": True,
            "use_rslora": "yes",
            "modules_to_save": ["pooler"],
            "bias": "all",
            "lora_bias": True,
            "layers_to_transform": [0],
            "layers_pattern": "layer",
            "exclude_modules": ["query"],
            "target_modules": ["key"],
            "target_parameters": ["weight"],
            "init_lora_weights": "pissa",
            "corda_config": {"x": 1},
            "megatron_config": {"x": 1},
            "use_qalora": True,
            "an_option_of_tomorrow": 1,
        }.items()
    },
    "LoRA whose targets never end": lora(target_modules="(.*)*(.*)*(.*)*x"),
    "LoRA alpha infinite": lora(lora_alpha=float("inf")),
    "LoRA alpha NaN": lora(lora_alpha=float("nan")),
    "LoRA alpha 1e300": lora(lora_alpha=1e300),
    "LoRA alpha of 400 digits": lora(lora_alpha=HUGE),
    "LoRA alpha true": lora(lora_alpha=True),
    "LoRA rank of 400 digits": lora(r=HUGE),
    "LoRA rank true": lora(r=True),
    # values
    **{
        f"{what} of {value}": tensors(name, poisoned(value, place))
        for what, name, place in (
            ("embeddings", "embeddings.safetensors", ""),
            ("LoRA A", f"{LORA}/{WEIGHTS}", "lora_A"),
            ("LoRA B", f"sentence_adapter/{WEIGHTS}", "lora_B"),
        )
        for value in (float("nan"), float("inf"), -float("inf"), 1e30)
    },
    "embeddings of no width": tensors("embeddings.safetensors", lambda v: v.update(weight=torch.zeros(400, 0))),
    "embeddings twice": tensors("embeddings.safetensors", lambda v: v.update(more=torch.zeros(4, 4))),
    "embeddings of integers": tensors("embeddings.safetensors", lambda v: v.update(weight=v["weight"].int())),
    "header that claims a terabyte": header(
        "embeddings.safetensors",
        b'{"weight":{"dtype":"F32","shape":[1000000000,384],"data_offsets":[0,1536000000000]}}',
    ),
    "header nested without end": header("embeddings.safetensors", b'{"a":' * 200_000),
    # folder
    "pipe for a file": lambda folder: ((folder / "tokenizer.json").unlink(), os.mkfifo(folder / "tokenizer.json")),
    "link to a system file": lambda folder: (
        (folder / "tokenizer_config.json").unlink(),
        (folder / "tokenizer_config.json").symlink_to("/etc/hostname"),
    ),
}
"""Changes by name; they need a language module whose vocabulary is BPE with 400 tokens."""

BESIDE: dict[str, Mutation] = {
    "pipe": lambda folder: os.mkfifo(folder / "README.md"),
    "folders without end": _fold,
    "link to a system file": lambda folder: (folder / "README.md").symlink_to("/etc/hostname"),
}
"""Changes by name to files that lie beside a module and are not read with it."""

ADAPTER: dict[str, Mutation] = {
    "thousands of layers": _many_layers(9000),
    "hundreds of layers": _many_layers(500),
    "layers beyond all": adapter(num_layers=HUGE),
    "width beyond all": adapter(hidden_size=10**9, reduction_factor=10**9),
    "width true": adapter(hidden_size=True, num_layers=True),
    "scaling infinite": adapter(scaling=float("inf")),
    "scaling 1e300": adapter(scaling=1e300),
    "scaling of 400 digits": adapter(scaling=HUGE),
    "reduction of next to nothing": adapter(reduction_factor=5e-324),
    "reduction NaN": adapter(reduction_factor=float("nan")),
    "non-linearity that is a list": adapter(non_linearity=["relu"]),
    "option that is unknown": adapter(residual_before_ln=True),
    "NaN": tensors(WEIGHTS, poisoned(float("nan"))),
    "infinity": tensors(WEIGHTS, poisoned(float("inf"), "up.bias")),
    "configuration nested deeply": lambda folder: (
        (folder / "adapter_config.json").write_text(_deep(50_000)),
        seal(folder),
    ),
}
"""Changes by name for an alignment adapter."""

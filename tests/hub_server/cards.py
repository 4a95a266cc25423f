"""Model cards: the metadata that the Hub reads, and the faults that it reports."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

LICENSES = {"apache-2.0", "mit", "bsd-3-clause", "gpl-3.0", "cc0-1.0", "openrail", "unlicense", "other", "unknown"}
LICENSES |= {f"cc-by-{kind}4.0" for kind in ("", "sa-", "nc-", "nd-", "nc-sa-", "nc-nd-")}


def _listed(value: Any) -> list[str]:
    return [str(item) for item in (value if isinstance(value, list) else [] if value is None else [value])]


def card_block(text: str) -> Any:
    block = re.match(r"\s*---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|$)", text, re.DOTALL)
    return yaml.safe_load(block[1]) if block else None


def card_data(files: Mapping[str, bytes]) -> dict[str, Any]:
    """The metadata of `README.md`; empty if there is none that can be read."""
    try:
        card = card_block(files.get("README.md", b"").decode(errors="replace"))
    except yaml.YAMLError:
        return {}
    return card if isinstance(card, dict) else {}


def library(card: dict[str, Any], files: Mapping[str, bytes]) -> str | None:
    """The library that the card names, or that the files suggest."""
    return card.get("library_name") or ("peft" if "adapter_config.json" in files else None)


def derived_tags(card: dict[str, Any], files: Mapping[str, bytes]) -> list[str]:
    """The tags under which a search finds a repo."""
    adapter = "adapter_config.json" in files or library(card, files) == "peft"
    relation = card.get("base_model_relation") or ("adapter" if adapter else "finetune")
    bases, tags = _listed(card.get("base_model")), _listed(library(card, files))
    tags += ["safetensors"] if any(path.endswith(".safetensors") for path in files) else []
    tags += _listed(card.get("pipeline_tag")) + _listed(card.get("tags")) + _listed(card.get("language"))
    tags += [f"dataset:{name}" for name in _listed(card.get("datasets"))]
    tags += [f"base_model:{base}" for base in bases] + [f"base_model:{relation}:{base}" for base in bases]
    tags += [f"license:{name}" for name in _listed(card.get("license"))]
    return list(dict.fromkeys([*tags, "region:us"]))


def card_errors(card: Any) -> Iterator[str]:
    """The reasons why the Hub would refuse the metadata of a card."""
    if not isinstance(card, dict):
        yield "the metadata must be a mapping"
        return
    for name in _listed(card.get("license")):
        if name not in LICENSES:
            yield f'"license" must be one of {", ".join(sorted(LICENSES))}: found {name!r}'
    for code in _listed(card.get("language")):
        if not re.fullmatch("[a-z]{2,3}|code|multilingual", code):
            yield f'"language" must be ISO 639 codes of two or three letters, "code" or "multilingual": found {code!r}'
    for base in _listed(card.get("base_model")):
        if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", base):
            yield f'"base_model" must be a model id: found {base!r}'
    for i, model in enumerate(card.get("model-index") or []):
        if not model.get("name"):
            yield f'"model-index[{i}].name" is required'
        for j, result in enumerate(model.get("results") or []):
            where = f"model-index[{i}].results[{j}]"
            for part, key in (("task", "type"), ("dataset", "type"), ("dataset", "name")):
                if not (result.get(part) or {}).get(key):
                    yield f'"{where}.{part}.{key}" is required'
            for k, metric in enumerate(result.get("metrics") or [{}]):
                for key in ("type", "value"):
                    if metric.get(key) is None:
                        yield f'"{where}.metrics[{k}].{key}" is required'

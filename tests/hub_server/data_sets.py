"""Data sets in the stand-in: their files, and `datasets` in this process pointed at it."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets.config
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from huggingface_hub import HfFileSystem, constants

from tests.hub_server.server import HubServer


def parquet(**columns: Sequence[Any]) -> bytes:
    """A Parquet file with these columns."""
    buffer = io.BytesIO()
    pq.write_table(pa.table({name: list(values) for name, values in columns.items()}), buffer)
    return buffer.getvalue()


def card(subsets: Mapping[str, Mapping[str, str]]) -> bytes:
    """The card that names the files of each split of each subset."""
    configs = [
        {"config_name": name, "data_files": [{"split": split, "path": path} for split, path in parts.items()]}
        for name, parts in subsets.items()
    ]
    return f"---\n{yaml.safe_dump({'configs': configs})}---\n".encode()


def read_from(hub: HubServer, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `datasets` and `huggingface_hub`, which read their environment at import, use a server and a cache."""
    for module in (constants, datasets.config):
        monkeypatch.setattr(module, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(datasets.config, "HF_ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache / "hub"))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", cache / "datasets")
    monkeypatch.setattr(datasets.config, "STREAMING_OPEN_MAX_RETRIES", 1)
    monkeypatch.setattr(datasets.config, "STREAMING_READ_MAX_RETRIES", 1)
    HfFileSystem.clear_instance_cache()

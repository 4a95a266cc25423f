"""Encoding needs only the core dependencies."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np

from tests.adapters_hub.conftest import Shelf

OPTIONAL = (
    *("accelerate", "datasets", "lancedb", "matplotlib", "mteb", "onnxruntime", "pandas", "peft", "psutil", "pyarrow"),
    *("scipy", "sentence_transformers", "sentencepiece", "sklearn"),
)


def test_a_module_is_loaded_and_encodes_without_what_only_training_or_exports_need(
    shelf: Shelf, german: list[str]
) -> None:
    folders = [shelf.eng.folder, shelf.deu.folder, shelf.deu_both.folder]
    code = (
        "import sys, json\n"
        f"sys.modules.update(dict.fromkeys({OPTIONAL!r}))\n"
        "from adapters_hub import ModularEncoder\n"
        f"encoder = ModularEncoder({shelf.base.source!r}, {[*map(str, folders)]!r}, device='cpu')\n"
        f"print(json.dumps(encoder.encode({german!r}, 'deu', align=True).tolist()))\n"
        "from adapters_hub.__main__ import app\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    expected = shelf.encoder(*folders).encode(german, "deu", align=True)
    np.testing.assert_allclose(json.loads(ran.stdout), expected, atol=2e-6)


def test_commands_that_encode_nothing_do_not_wait_for_torch() -> None:
    code = (
        "import sys, adapters_hub.commands, adapters_hub.hub, adapters_hub.cards\n"
        "print(*({'torch', 'transformers', 'datasets'} & sys.modules.keys()))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []

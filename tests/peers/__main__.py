"""`make peers [PEERS=out/peers]`: export, make fresh environments, and let other libraries use the exports.

Two environments lack this library: one has sentence-transformers, PEFT and MTEB, the other the ONNX backends of
sentence-transformers (optimum) and fastembed. The third has the wheel with its extra `bridges`, and nothing else of the
repository. The modules are random ones on a tiny base, because equality of vectors does not depend on their size.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from adapters_hub import ModularEncoder, load_base
from adapters_hub.bridges import export_composed, export_merged, export_onnx
from tests.adapters_hub.builders import make_adapter, make_language
from tests.conftest import ROOT, build_tokenizer, sample_sentences, write_base

HERE = Path(__file__).parent
CONSTRAINTS = ROOT / "constraints.txt"
ENVIRONMENTS: dict[str, tuple[list[str], list[str]]] = {
    "plain": (["-c", str(CONSTRAINTS), "sentence-transformers", "peft", "mteb", "onnxruntime"], ["plain.py"]),
    # optimum-onnx may need another release of transformers than the rest, so only torch is pinned.
    "onnx": (["-c", "torch.txt", "sentence-transformers[onnx]", "fastembed"], ["onnx_backends.py"]),
    "library": (["-c", str(CONSTRAINTS), "{wheel}[bridges]"], ["library.py"]),
}
"""For each environment: the packages that pip installs, and the scripts that run there."""


def main() -> None:
    """Run all checks; environments from earlier runs in the folder are reused."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "out/peers").resolve()
    chosen = sys.argv[2:] or list(ENVIRONMENTS)
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "exports" / "done").exists():
        export(folder / "exports")
    pinned = [line for line in CONSTRAINTS.read_text(encoding="utf-8").splitlines() if line.startswith("torch==")]
    (folder / "torch.txt").write_text("\n".join(pinned) + "\n", encoding="utf-8")
    for name in chosen:
        python = install(folder, name)
        for script in ENVIRONMENTS[name][1]:
            say(f"== {name}: {script}")
            run(
                [str(python), "-W", "error::DeprecationWarning:__main__", str(HERE / script), str(folder / "exports")],
                folder,
            )
    say("all peers agree")


def export(folder: Path) -> None:
    """Make modules, all their exports, and the expected vectors."""
    folder.mkdir(parents=True, exist_ok=True)
    base = load_base(write_base(folder / "base", "xlm-roberta", build_tokenizer()))
    eng = make_language(base, folder / "modules/eng", "eng", 10, license="mit")
    deu = make_language(
        base, folder / "modules/deu", "deu", 20, build_tokenizer("bpe", 400), prompt="Frage: ", license="mit"
    )
    make_adapter(base, folder / "modules/deu-eng-both", ("both", deu, eng), 40)
    encoder = ModularEncoder(base, [folder / "modules" / name for name in ("eng", "deu", "deu-eng-both")], device="cpu")
    sentences = {code: sample_sentences(code)[:24] for code in ("eng", "deu")}
    (folder / "sentences.json").write_text(json.dumps(sentences, ensure_ascii=False), encoding="utf-8")
    vectors = {
        "eng": encoder.encode(sentences["eng"], "eng"),
        "deu": encoder.encode(sentences["deu"], "deu"),
        "deu-aligned": encoder.encode(sentences["deu"], "deu", align=True),
    }
    np.savez(folder / "vectors.npz", **vectors)
    export_merged(encoder, "deu", folder / "merged", replace=True)
    export_composed(encoder, None, folder / "composed", default_language="deu", include_base=True, replace=True)
    export_onnx(encoder, "deu", folder / "onnx", replace=True)
    export_onnx(encoder, "deu", folder / "onnx-aligned", align=True, replace=True)
    (folder / "done").touch()


def install(folder: Path, name: str) -> Path:
    """The Python of a fresh environment; a complete one is reused."""
    place = folder / name
    python = place / "bin" / "python"
    if not (place / "installed").exists():
        say(f"== {name}: installing")
        run([sys.executable, "-m", "venv", "--clear", str(place)], folder)
        packages = ENVIRONMENTS[name][0]
        if name == "library":
            run(
                [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder / "wheel"), str(ROOT)],
                folder,
            )
            wheel = str(next((folder / "wheel").glob("*.whl")))
            packages = [package.replace("{wheel}", wheel) for package in packages]
        run([str(python), "-m", "pip", "install", "-q", "--upgrade", "pip"], folder)
        run([str(python), "-m", "pip", "install", "-q", *packages], folder)
        (place / "installed").touch()
    return python


def run(command: list[str], folder: Path) -> None:
    """Run a command away from the repository, with the Hub offline."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_CACHE": str(folder / "cache"),
        "MSE_CACHE": str(folder / "cache"),
    }
    if subprocess.run(command, cwd=folder, env=environment, check=False).returncode:
        sys.exit(f"error: failed: {' '.join(command)}")


def say(text: str) -> None:
    """Print at once, so that the line is in order with the output of other processes."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

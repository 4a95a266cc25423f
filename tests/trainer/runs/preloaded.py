"""What the server of `Stages` does once, so that no process that it forks has to: import, and sort its memory."""

import gc
import importlib

from transformers.conversion_mapping import get_checkpoint_conversion_mapping

for module in (
    "tests.trainer.runs.crashes",
    "tests.trainer.runs.launch",
    "trainer.stage1",
    "trainer.stage2",
    "trainer.monolithic",
    "eval.__main__",
    "eval.encoders.opening",
    "eval.report",
    "eval.run",
    # Imported late, by a library at work.
    "adapters_hub.base.backbone",
    "attrs",
    "docstring_parser",
    "gflanguages.data",
    "peft.utils.transformers_weight_conversion",
    "scipy.io",
    "torch.profiler._cupti_monitor",
    "torch.utils.serialization.config",
):
    try:
        importlib.import_module(module)
    except ImportError as error:  # `multiprocessing` would pass over it, and every run would be slow again
        raise RuntimeError(f"{module} cannot be imported before the runs: correct the list here") from error

get_checkpoint_conversion_mapping("bert")  # it is built for all architectures at once, and kept
gc.collect()
gc.freeze()  # the accelerator collects garbage after every training, which would go through all imports

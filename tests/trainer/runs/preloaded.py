"""What the server of `Stages` does once, so that none of the processes that it forks has to: import, and sort memory.

`multiprocessing` passes over an ImportError here: the runs do the same without it, but each takes seconds more.
"""

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
    importlib.import_module(module)

get_checkpoint_conversion_mapping("bert")  # it is built for all architectures at once, and kept
gc.collect()
gc.freeze()  # the accelerator collects garbage after every training, which would go through all imports

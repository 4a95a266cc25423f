"""Paraphrases and text by machine translation: the model, what it has translated so far, what is wrong with it."""

from trainer.translation.checks import Checks, script_of, share_of_script
from trainer.translation.journal import Journal, Translation
from trainer.translation.translator import TranslationError, Translator, batches_of, code_in_model

__all__ = [
    "Checks",
    "Journal",
    "Translation",
    "TranslationError",
    "Translator",
    "batches_of",
    "code_in_model",
    "script_of",
    "share_of_script",
]

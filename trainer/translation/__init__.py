"""Machine translation of paraphrases and text: the model, the journal of finished translations, the checks."""

from trainer.translation.checks import Checks, script_of, share_of_script
from trainer.translation.journal import Journal, Translation
from trainer.translation.settings import TranslationSettings, parse_settings
from trainer.translation.translating import translate
from trainer.translation.translator import TranslationError, Translator, batches_of, code_in_model

__all__ = [
    "Checks",
    "Journal",
    "Translation",
    "TranslationError",
    "TranslationSettings",
    "Translator",
    "batches_of",
    "code_in_model",
    "parse_settings",
    "script_of",
    "share_of_script",
    "translate",
]

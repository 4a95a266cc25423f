"""Machine translation of paraphrases and text: the model, the journal of finished translations, the checks."""

from trainer.translation.checks import SCRIPT_SHARE, Checks, script_of, share_of_script
from trainer.translation.journal import Journal, Translation
from trainer.translation.settings import parse_settings
from trainer.translation.translating import translate, translated
from trainer.translation.translator import Decoding, TranslationError, Translator, batches_of, code_in_model

__all__ = [
    "SCRIPT_SHARE",
    "Checks",
    "Decoding",
    "Journal",
    "Translation",
    "TranslationError",
    "Translator",
    "batches_of",
    "code_in_model",
    "parse_settings",
    "script_of",
    "share_of_script",
    "translate",
    "translated",
]

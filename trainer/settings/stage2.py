"""Stage 2: the alignment of a language to the pivot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from trainer.settings.errors import SettingsError
from trainer.settings.numbers import DROPPED, SHARE, Range, number
from trainer.settings.sources import DataSource, as_list, fill, language_codes

Objective = Literal["both", "paraphrase", "parallel", "graded", "balanced"]


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
    coverage: float = number(0.6, Range(0, 1))

    def check(self, languages: Sequence[str]) -> None:
        """Refuse values that cannot go together.

        Args:
            languages: those that learn from mixed sentences.

        Raises:
            SettingsError: they cannot.
        """
        lexicon = self.lexicon
        if not lexicon.path:
            return
        if not self.sentences.path:
            raise SettingsError("cla.mixed.lexicon needs sentences to put its words into: set cla.mixed.sentences.path")
        named = " ".join([lexicon.path, lexicon.subset or "", *(lexicon.columns or [])])
        if len(languages) > 1 and "{language}" not in named:
            raise SettingsError(
                f"cla.mixed.lexicon.path {lexicon.path!r} would be the words of {', '.join(languages)} alike: "
                "put {language} into it"
            )


@dataclass
class AlignmentSettings:
    """CLA: a parallel bottleneck on the target side brings a language to the pivot; all of stage 1 is frozen.

    Args:
        objectives: An adapter is trained for each of these: paraphrase (contrastive), parallel (cosine), both
            (alternating batches of these), graded (a sentence becomes as close to every sentence of the batch, its own
            language's and the pivot's, as its translation is to theirs), balanced (alternating batches, graded and
            parallel). On the command line: "[parallel,graded]".
        paraphrase: Pairs (pivot sentence, paraphrase of it in the language), optionally with a hard negative in the
            language in a third column; or whole paraphrases in both languages: anchor, positive and optionally a hard
            negative of the pivot, then the same of the language. Each row draws which language its anchor is in. One
            source or a list of them; each batch is then of one source. The fields of a source are those of parallel.
        parallel: Pairs (pivot sentence, translation); for graded and balanced too.
        mixed: Sentences of the pivot with words of the language, beside those of parallel.
        related: Languages, related to this one, whose pairs are learnt along, so that one kind of text does not decide
            where the language comes to lie. Needs modules with the base's own embeddings (vocabulary trim or keep, no
            la).
        related_share: Share of the batches that are theirs.
        start: An alignment adapter (folder, or org/name[@revision]) that these start from, for example a related
            language's; of the same size.
        dropout: Of the encoder's own layers in training; by default what the base was trained with.
        teacher: Who says how similar the pivot's sentences are, for graded and balanced; as se.teacher, but the pivot's
            own module if nothing is given.
        parallel_share: Share of the batches that are parallel in both and balanced.
        reduction_factor: The bottleneck is the encoder's width divided by this.
        adapter_scaling: Factor of the bottleneck's output.
        strength: Share of what was learnt that the finished adapter does. Below 1 the language goes only a part of the
            way to the pivot, and small languages stay nearer to each other.
        non_linearity: Activation inside the bottleneck.
        max_length: Tokens; longer texts are cut, the pivot's as well as the language's.
        scale: Factor of the cosine similarities in the softmax.
        tokens_per_pass: A batch goes through the encoder in passes of at most that many tokens, sorted by length; by
            default 2,048 on a CPU and 16,384 on a GPU.
        gradient_cache: Hold the activations of one pass at a time (GradCache).
        eval_share: Share of the rows, from the end, that is kept for evaluation instead (see eval_strategy).
        training: Fields of transformers.TrainingArguments, for example --cla.training.learning_rate 1e-4.
    """

    objectives: list[Objective] = field(default_factory=lambda: ["both"])  # type: ignore[arg-type]
    paraphrase: DataSource | list[DataSource] = field(default_factory=DataSource)
    parallel: DataSource = field(default_factory=DataSource)
    mixed: MixingSettings = field(default_factory=MixingSettings)
    related: list[str] | str = field(default_factory=list)
    related_share: float = number(0.5, SHARE)
    start: str = ""
    dropout: float | None = number(None, DROPPED)
    teacher: list[str] | str = field(default_factory=list)
    parallel_share: float = number(
        0.5, replace(SHARE, hint="for one kind of pairs choose the objective paraphrase or parallel")
    )
    reduction_factor: float = 2.0
    adapter_scaling: float = 4.0
    strength: float = number(1.0, Range(0, 1, open_low=True))
    non_linearity: str = "relu"
    max_length: int = 128
    scale: float = 20.0
    tokens_per_pass: int | None = None
    gradient_cache: bool = False
    eval_share: float = number(0.0, DROPPED)
    training: dict[str, Any] = field(default_factory=dict)

    @property
    def related_list(self) -> list[str]:
        """The related languages, checked."""
        return language_codes(self.related)

    def teachers(self, pivot: str) -> list[str]:
        """The teachers, with the pivot's code filled in."""
        return [fill(source, pivot, pivot) for source in as_list(self.teacher)]

    def check(self, languages: Sequence[str], pivot: str) -> None:
        """Refuse values that cannot go together.

        Args:
            languages: those of the recipe.
            pivot: the language that they are aligned to.

        Raises:
            SettingsError: they cannot.
            AdaptersHubError: a related language's code is none.
        """
        self.mixed.check(sorted({*languages, *self.related_list} - {pivot}))

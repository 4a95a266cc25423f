"""Settings of stage 2, which aligns a language to the pivot."""

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
    """Mixed sentences: sentences of the pivot whose words are replaced by their translations in a lexicon.

    Args:
        lexicon: Pairs (pivot word, its translation in the language, or - to delete the word). If the path contains
            {language} and the language has no such file, no sentences are mixed.
        sentences: Sentences of the pivot: text, or pairs, whose first sentences are used.
        coverage: Smallest share of a sentence's words that must be in the lexicon; other sentences are not used.
    """

    lexicon: DataSource = field(default_factory=DataSource)
    sentences: DataSource = field(default_factory=DataSource)
    coverage: float = number(0.6, Range(0, 1))

    def check(self, languages: Sequence[str]) -> None:
        """Refuse values that contradict each other.

        Args:
            languages: the languages that are trained on mixed sentences.

        Raises:
            SettingsError: values contradict each other.
        """
        lexicon = self.lexicon
        if not lexicon.path:
            return
        if not self.sentences.path:
            raise SettingsError("cla.mixed.lexicon needs sentences to put words into: set cla.mixed.sentences.path")
        named = " ".join([lexicon.path, lexicon.subset or "", *(lexicon.columns or [])])
        if len(languages) > 1 and "{language}" not in named:
            raise SettingsError(
                f"cla.mixed.lexicon.path {lexicon.path!r} would be the same file for {', '.join(languages)}: "
                "use {language} in it"
            )


@dataclass
class AlignmentSettings:
    """CLA: a parallel bottleneck on the target side aligns a language to the pivot; all of stage 1 is frozen.

    Args:
        objectives: One adapter is trained for each objective: paraphrase (contrastive), parallel (cosine), both
            (alternating batches of paraphrase and parallel), graded (a sentence's similarities to the sentences of the
            batch, in its own language and in the pivot, must match those of its translation) or balanced (alternating
            batches of graded and parallel). On the command line: "[parallel,graded]".
        paraphrase: Pairs (pivot sentence, its paraphrase in the language), optionally with a hard negative in the
            language in a third column; or paraphrases in both languages: anchor, positive and optionally a hard
            negative in the pivot, then the same in the language. For each row the language of the anchor is drawn at
            random. One source, or a list of sources, of which each batch takes one. A source has the same fields as
            parallel.
        parallel: Pairs (pivot sentence, its translation), for parallel and both, and for graded and balanced.
        mixed: Sentences of the pivot with words of the language, which are added to parallel.
        related: Related languages whose pairs are trained on too, so that text of few kinds does not determine where
            the language's vectors lie. Needs modules with the base's own embeddings (vocabulary trim or keep, and no la
            that trains embeddings).
        related_share: Share of the batches that come from the related languages.
        start: An alignment adapter (folder, or org/name[@revision]) from which the new ones start, for example of a
            related language. It must have the same size.
        dropout: Dropout probability in the encoder's own layers during training. By default the one that the base was
            trained with.
        teacher: The encoder that says how similar the pivot's sentences are, for graded and balanced. The same values
            as se.teacher; by default the pivot's module.
        parallel_share: Share of parallel batches, with the objectives both and balanced.
        reduction_factor: The bottleneck's width is the encoder's width divided by this.
        adapter_scaling: Factor of the bottleneck's output.
        strength: Factor from 0 (untrained) to 1 (as trained) of the finished adapter's effect. Below 1 the language
            moves only part of the way to the pivot, and low-resource languages stay closer to each other.
        non_linearity: Activation inside the bottleneck.
        max_length: Longest sequence in tokens; longer texts are cut, the pivot's as well as the language's.
        scale: Factor of the cosine similarities in the loss.
        tokens_per_pass: A batch goes through the encoder in passes of at most this many tokens, with texts sorted by
            length. By default 2,048 on a CPU and 16,384 on a GPU.
        gradient_cache: Hold the activations of only one pass at a time (GradCache); see se.gradient_cache.
        eval_share: Share of the rows, taken from the end, that is kept for evaluation (see eval_strategy).
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
        """The related languages; their codes are checked."""
        return language_codes(self.related)

    def teachers(self, pivot: str) -> list[str]:
        """The teachers, with `{pivot}` replaced by the pivot's code."""
        return [fill(source, pivot, pivot) for source in as_list(self.teacher)]

    def check(self, languages: Sequence[str], pivot: str) -> None:
        """Refuse values that contradict each other.

        Args:
            languages: the languages of the recipe.
            pivot: the language that they are aligned to.

        Raises:
            SettingsError: values contradict each other.
            AdaptersHubError: a related language's code is not valid.
        """
        self.mixed.check(sorted({*languages, *self.related_list} - {pivot}))

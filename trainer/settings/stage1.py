"""Stage 1: the language module of one language."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from trainer.settings.numbers import DROPPED, SHARE, Range, number
from trainer.settings.sources import DataSource, as_list, fill, language_codes

PHASES = ("vocabulary", "la", "se")


@dataclass
class VocabularySettings:
    """The tokenizer and the token embeddings of a language.

    Args:
        strategy: focus trains a tokenizer on the text and initialises its embeddings by FOCUS; trim keeps the part
            of the base's vocabulary that the language uses; keep takes the base's whole.
        data: Text of the language; the language adaptation's text if no path is given.
        size: At most that many tokens. Whatever the strategy, the base's prompts, digits, punctuation, symbols and the
            letters of the language are among them.
        sample: At most that many texts, drawn by the seed, train the tokenizer of focus.
        rewrite: File of rules for a language that is written in several scripts or spellings: a regular expression and
            what takes its place, tab-separated, a rule a line, in the order in which they apply. They become part of
            the tokenizer. A path with {language} may lack a file for a language: nothing is rewritten then.
        auxiliary_dim: Dimensions of the fastText vectors that FOCUS compares tokens with; this and the next three are
            as in its authors' package.
        auxiliary_epochs: Passes of fastText over the text.
        auxiliary_min_count: A token seen less often has no fastText vector; if the base lacks it, it starts at random.
        auxiliary_buckets: Rows of fastText's table of character n-grams; memory is this times auxiliary_dim times 4
            bytes.
        auxiliary_workers: Threads of fastText. With more than one the result is another in every run.
    """

    strategy: Literal["focus", "trim", "keep"] = "focus"
    data: DataSource = field(default_factory=DataSource)
    size: int = 50_048
    sample: int = 1_000_000
    rewrite: str = ""
    auxiliary_dim: int = 100
    auxiliary_epochs: int = 3
    auxiliary_min_count: int = 10
    auxiliary_buckets: int = 2_000_000
    auxiliary_workers: int = 1


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
    dropout: float = number(0.0, DROPPED)
    start: str = ""


@dataclass
class LanguageAdaptationSettings:
    """LA: masked language modelling on text of the language trains the language LoRA and the embeddings.

    Args:
        data: Text of the language.
        lora: The language LoRA.
        max_length: Tokens; longer texts are cut.
        packing: Join texts, with separators between them, into blocks of max_length tokens (as in the paper); nothing
            is cut then. Otherwise every text is a row of its own, as sentences are when they are encoded.
        mask_probability: Share of the tokens that are predicted; the prompt's never are.
        train_embeddings: Train the token embeddings too.
        tokens_per_pass: A batch goes through the encoder in passes of at most that many tokens, sorted by length; by
            default 2,048 on a CPU and 16,384 on a GPU.
        eval_share: Share of the rows, from the end, that is kept for evaluation instead (see eval_strategy).
        training: Fields of transformers.TrainingArguments, for example --la.training.learning_rate 5e-4.
    """

    data: DataSource = field(default_factory=DataSource)
    lora: LoRASettings = field(default_factory=LoRASettings)
    max_length: int = 256
    packing: bool = False
    mask_probability: float = number(0.15, Range(0, 1, open_low=True))
    train_embeddings: bool = True
    tokens_per_pass: int | None = None
    eval_share: float = number(0.0, DROPPED)
    training: dict[str, Any] = field(default_factory=dict)


@dataclass
class SentenceEncodingSettings:
    """SE trains the sentence LoRA, on paraphrases or on the relations among sentences; all else is frozen.

    Args:
        objective: contrastive (paraphrases find each other), relational (the similarities among the sentences of a
            batch become those among their translations, as a teacher sees them) or both (alternating batches).
        data: Pairs of the language (anchor, positive), optionally with a hard negative in a third column. One source or
            a list of them; each batch is then of one source. The fields of a source are those of relations.
        relations: Pairs (pivot sentence, its translation); for the pivot itself, pairs of its paraphrases.
        relational_share: Share of the batches that are relational in both.
        related: Languages, related to this one, whose relations are learnt along, so that one kind of text does not
            pull the language away from the others. Needs the base's own embeddings (vocabulary trim or keep, no la).
        related_share: Share of the batches that are theirs.
        teacher: Who says how similar the pivot's sentences are: base (the untouched base, if nothing is given), the
            pivot's language module (folder, which may name {pivot}, or org/name[@revision]), another base
            (package:NAME), or any SentenceTransformer (st:ID_OR_FOLDER). A list of several sees the mean of their
            similarities.
        lora: The sentence LoRA.
        dropout: Of the encoder's own layers in training; by default what the base was trained with.
        max_length: Tokens; longer texts are cut.
        scale: Factor of the cosine similarities in the softmax.
        tokens_per_pass: A batch goes through the encoder in passes of at most that many tokens, sorted by length; by
            default 2,048 on a CPU and 16,384 on a GPU.
        gradient_cache: Hold the activations of one pass at a time (GradCache): batches of any size in the memory of
            one pass, for one more forward pass of time.
        eval_share: Share of the rows, from the end, that is kept for evaluation instead (see eval_strategy).
        training: Fields of transformers.TrainingArguments, for example --se.training.max_steps 100.
    """

    objective: Literal["contrastive", "relational", "both"] = "contrastive"
    data: DataSource | list[DataSource] = field(default_factory=DataSource)
    relations: DataSource = field(default_factory=DataSource)
    relational_share: float = number(0.5, SHARE)
    related: list[str] | str = field(default_factory=list)
    related_share: float = number(0.5, SHARE)
    teacher: list[str] | str = field(default_factory=list)
    lora: LoRASettings = field(default_factory=LoRASettings)
    dropout: float | None = number(None, DROPPED)
    max_length: int = 64
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

    def check(self) -> None:
        """Refuse values that cannot be.

        Raises:
            AdaptersHubError: a related language's code is none.
        """
        _ = self.related_list

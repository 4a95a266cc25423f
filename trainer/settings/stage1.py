"""Settings of stage 1, which trains the language module of one language."""

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
        strategy: focus trains a tokenizer on the text and initialises its embeddings with FOCUS; trim keeps the part
            of the base's vocabulary that the language uses; keep keeps the base's whole vocabulary.
        data: Text of the language. By default the text of the language adaptation.
        size: Largest number of tokens. Every strategy keeps the tokens of the base's prompts, digits, punctuation,
            symbols and the letters of the language.
        sample: Largest number of texts, drawn at random, on which focus trains its tokenizer.
        rewrite: File of rewriting rules for a language with several scripts or spellings. Each line is a rule: a
            regular expression, a tab and the replacement. Rules apply in order and become part of the tokenizer. If the
            path contains {language} and the language has no such file, nothing is rewritten.
        auxiliary_dim: Dimension of the fastText vectors with which FOCUS compares tokens. This default and the next
            three are those of the FOCUS authors' package.
        auxiliary_epochs: Number of fastText's passes over the text.
        auxiliary_min_count: A token that occurs less often has no fastText vector; if the base lacks the token, its
            embedding starts at random.
        auxiliary_buckets: Rows of fastText's table of character n-grams. The table takes auxiliary_buckets times
            auxiliary_dim times 4 bytes of memory.
        auxiliary_workers: Threads of fastText. With more than one, results differ from run to run.
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
        rank: Rank of the weight update.
        alpha: The weight update is scaled by alpha / rank.
        dropout: Dropout probability on the input of the first factor, during training.
        start: A language module (folder, or org/name[@revision]), for example of a related language. This LoRA starts
            from the module's LoRA of the same phase, which must have the same rank and alpha.
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
        max_length: Longest sequence in tokens; longer texts are cut.
        packing: Join texts, with separators between them, into blocks of max_length tokens, without cutting any (as in
            the paper). Otherwise every text is a row of its own, as when sentences are encoded.
        mask_probability: Share of the tokens to predict; tokens of the prompt are never predicted.
        train_embeddings: Train the token embeddings too.
        tokens_per_pass: A batch goes through the encoder in passes of at most this many tokens, with texts sorted by
            length. By default 2,048 on a CPU and 16,384 on a GPU.
        eval_share: Share of the rows, taken from the end, that is kept for evaluation (see eval_strategy).
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
    """SE trains the sentence LoRA on paraphrases, or on similarities between sentences; everything else is frozen.

    Args:
        objective: contrastive (each anchor must find its paraphrase), relational (the similarities between the
            sentences of a batch must match those that a teacher sees between their translations) or both (alternating
            batches).
        data: Paraphrases in the language (anchor, positive), optionally with a hard negative in a third column. One
            source, or a list of sources, of which each batch takes one. A source has the same fields as relations.
        relations: Pairs (pivot sentence, its translation); for the pivot itself, pairs of paraphrases.
        relational_share: Share of relational batches, with the objective both.
        related: Related languages whose relations are trained on too, so that text of few kinds does not pull the
            language away from the others. Needs the base's own embeddings (vocabulary trim or keep, and no la that
            trains embeddings).
        related_share: Share of the batches that come from the related languages.
        teacher: The encoder that says how similar the pivot's sentences are: base (the untouched base, the default),
            the pivot's language module (a folder, whose path may contain {pivot}, or org/name[@revision]), another base
            (package:NAME), or any SentenceTransformer (st:ID_OR_FOLDER). For a list, the teachers' similarities are
            averaged.
        lora: The sentence LoRA.
        dropout: Dropout probability in the encoder's own layers during training. By default the one that the base was
            trained with.
        max_length: Longest sequence in tokens; longer texts are cut.
        scale: Factor of the cosine similarities in the loss.
        tokens_per_pass: A batch goes through the encoder in passes of at most this many tokens, with texts sorted by
            length. By default 2,048 on a CPU and 16,384 on a GPU.
        gradient_cache: Hold the activations of only one pass at a time (GradCache). Batches of any size then need the
            memory of one pass, at the cost of a second forward pass.
        eval_share: Share of the rows, taken from the end, that is kept for evaluation (see eval_strategy).
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
        """The related languages; their codes are checked."""
        return language_codes(self.related)

    def teachers(self, pivot: str) -> list[str]:
        """The teachers, with `{pivot}` replaced by the pivot's code."""
        return [fill(source, pivot, pivot) for source in as_list(self.teacher)]

    def check(self) -> None:
        """Refuse wrong values.

        Raises:
            AdaptersHubError: a related language's code is not valid.
        """
        _ = self.related_list

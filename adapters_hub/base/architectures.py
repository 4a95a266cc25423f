"""The supported base architectures: one table of their differences, which all other code reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from adapters_hub.errors import BaseEncoderError


@dataclass(frozen=True)
class MLMHeadLayout:
    """Where a checkpoint keeps its masked language modelling (MLM) head: names of tensors in its safetensors file."""

    dense: str
    norm: str
    bias: str
    activation: str


@dataclass(frozen=True)
class Architecture:
    """Where the parts of a transformer encoder of one `model_type` are.

    Attributes:
        model_type: `config.model_type` of transformers.
        examples: well-known encoders of this architecture.
        blocks: attribute path from the encoder to its list of transformer blocks.
        token_embeddings: attribute path to the token embedding, the only part that a language module replaces.
        lora_targets: regular expression (PEFT's `target_modules`) that matches the names of a block's dense layers.
        bottleneck: how a parallel adapter reaches the feed-forward sub-layer. `residual`: the sub-module at
            `ffn_output` adds a residual (its second argument) before its own layer norm, so the delta is added to
            that argument (post-LN). `branch`: the delta is computed from the input of `ffn_input` and added to the
            output of `ffn_output`, which goes to the residual (pre-LN, also with a norm after the sub-layer).
        ffn_input: sub-module of a block whose first argument is the input of the feed-forward sub-layer.
        ffn_output: sub-module of a block that ends the feed-forward sub-layer.
        pooling: the usual pooling for this architecture.
        counts_from_padding: whether positions are counted from the padding id; if so, every vocabulary must use the
            same padding id.
        mlm_head: the layout of a pretrained MLM head; None if the architecture has none.
    """

    model_type: str
    examples: str
    blocks: str
    token_embeddings: str
    lora_targets: str
    bottleneck: Literal["residual", "branch"]
    ffn_input: str
    ffn_output: str
    pooling: Literal["mean", "cls", "last"] = "mean"
    counts_from_padding: bool = False
    mlm_head: MLMHeadLayout | None = None


# The dense layers of attention and of the gated feed-forward sub-layer, in encoders that are made from decoders.
_DECODER_DENSE = r"(.*\.)?layers\.\d+\.(self_attn\.(q_proj|k_proj|v_proj|o_proj)|mlp\.(gate_proj|up_proj|down_proj))"
_ROBERTA_HEAD = MLMHeadLayout("lm_head.dense", "lm_head.layer_norm", "lm_head.bias", "gelu")


def _bert_like(
    model_type: str, examples: str, mlm_head: MLMHeadLayout, *, counts_from_padding: bool = False
) -> Architecture:
    return Architecture(
        model_type=model_type,
        examples=examples,
        blocks="encoder.layer",
        token_embeddings="embeddings.word_embeddings",
        lora_targets=r"(.*\.)?encoder\.layer\.\d+\..*(query|key|value|dense)",
        bottleneck="residual",
        ffn_input="output",
        ffn_output="output",
        counts_from_padding=counts_from_padding,
        mlm_head=mlm_head,
    )


ARCHITECTURES: dict[str, Architecture] = {
    architecture.model_type: architecture
    for architecture in (
        _bert_like(
            "bert",
            "LaBSE, multilingual-e5-small",
            MLMHeadLayout(
                "cls.predictions.transform.dense",
                "cls.predictions.transform.LayerNorm",
                "cls.predictions.bias",
                "gelu",
            ),
        ),
        _bert_like("xlm-roberta", "multilingual-e5-base, XLM-R", _ROBERTA_HEAD, counts_from_padding=True),
        _bert_like("roberta", "RoBERTa", _ROBERTA_HEAD, counts_from_padding=True),
        Architecture(
            model_type="modernbert",
            examples="mmBERT, ModernBERT",
            blocks="layers",
            token_embeddings="embeddings.tok_embeddings",
            lora_targets=r"(.*\.)?layers\.\d+\.(attn\.Wqkv|attn\.Wo|mlp\.Wi|mlp\.Wo)",
            bottleneck="branch",
            ffn_input="mlp",
            ffn_output="mlp",
            mlm_head=MLMHeadLayout("head.dense", "head.norm", "decoder.bias", "gelu"),
        ),
        Architecture(
            model_type="m2m_100",
            examples="SONAR, the encoder of M2M100 and NLLB",
            blocks="layers",
            token_embeddings="embed_tokens",
            lora_targets=r"(.*\.)?layers\.\d+\.(self_attn\.(q_proj|k_proj|v_proj|out_proj)|fc1|fc2)",
            bottleneck="branch",
            ffn_input="fc1",
            ffn_output="fc2",
            counts_from_padding=True,
        ),
        Architecture(
            model_type="qwen3",
            examples="Qwen3-Embedding",
            blocks="layers",
            token_embeddings="embed_tokens",
            lora_targets=_DECODER_DENSE,
            bottleneck="branch",
            ffn_input="mlp",
            ffn_output="mlp",
            pooling="last",
        ),
        Architecture(
            model_type="gemma3_text",
            examples="EmbeddingGemma",
            blocks="layers",
            token_embeddings="embed_tokens",
            lora_targets=_DECODER_DENSE,
            bottleneck="branch",
            ffn_input="mlp",
            # The output of this norm is added to the residual. A delta added before it would lose its magnitude.
            ffn_output="post_feedforward_layernorm",
        ),
    )
}


def architecture_for(model_type: str) -> Architecture:
    """Look up an architecture in the table.

    Raises:
        BaseEncoderError: the architecture is not supported; the message lists those that are.
    """
    if model_type not in ARCHITECTURES:
        known = "; ".join(f"{a.model_type} ({a.examples})" for a in ARCHITECTURES.values())
        raise BaseEncoderError(f"base encoder architecture {model_type!r} is not supported; supported are: {known}")
    return ARCHITECTURES[model_type]

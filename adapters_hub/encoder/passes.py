"""Split sequences into passes through the transformer, with many tokens each and little padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch.nn.utils.rnn import pad_sequence


def split_passes(lengths: Sequence[int], tokens_per_pass: int, batch_size: int | None = None) -> Iterator[slice]:
    """Split sequences that are sorted by length into passes.

    A pass that is at least half full ends where the length changes, so that it often has no padding and attention needs
    no mask.

    Args:
        lengths: number of tokens of each sequence, ascending.
        tokens_per_pass: largest number of tokens in a pass, including padding; a longer sequence gets its own pass.
        batch_size: largest number of sequences in a pass; None for no limit.

    Yields:
        The slice of `lengths` that makes up each pass.
    """
    start = 0
    for index, length in enumerate(lengths):
        count = index - start
        full = length * (count + 1) > tokens_per_pass or count == batch_size
        half_full = length != lengths[index - 1] and 2 * count * lengths[index - 1] >= tokens_per_pass
        if count and (full or half_full):
            yield slice(start, index)
            start = index
    if lengths:
        yield slice(start, len(lengths))


def pad(sequences: Sequence[Sequence[int]], pad_id: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and attention mask, both `[n, longest]`, int64, of sequences that are padded at the end."""
    ids = pad_sequence([torch.tensor(sequence) for sequence in sequences], batch_first=True, padding_value=pad_id)
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    return ids, (torch.arange(ids.shape[1]) < lengths[:, None]).long()

"""Split sequences into passes through the transformer, with many tokens each and little padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch


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
    width = max(map(len, sequences))
    ids = torch.full((len(sequences), width), pad_id)
    mask = torch.zeros((len(sequences), width), dtype=torch.long)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = torch.tensor(sequence)
        mask[row, : len(sequence)] = 1
    return ids, mask

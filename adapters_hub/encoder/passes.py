"""Which sequences go through the transformer together: much at a time, little of it padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch


def split_passes(lengths: Sequence[int], tokens_per_pass: int, batch_size: int | None = None) -> Iterator[slice]:
    """Cut sequences that are sorted by length into passes.

    A pass that is half full already ends where the length changes: then nothing in it is padding, and attention needs
    no mask.

    Args:
        lengths: tokens of each sequence, ascending.
        tokens_per_pass: most tokens of a pass, padding counted; a longer sequence is a pass of its own.
        batch_size: most sequences of a pass.
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
    """Token ids and attention mask, both `[n, longest]`, int64, of sequences padded at their end."""
    width = max(map(len, sequences))
    ids = torch.full((len(sequences), width), pad_id)
    mask = torch.zeros((len(sequences), width), dtype=torch.long)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = torch.tensor(sequence)
        mask[row, : len(sequence)] = 1
    return ids, mask

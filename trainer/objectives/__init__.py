"""Training objectives for sentence vectors: the kinds of batches, their collation, and the loss of each kind."""

from trainer.objectives.collator import ObjectiveCollator
from trainer.objectives.kinds import ALIGNMENT, CROSS_LINGUAL, ENCODING, ROLES, columns_of, languages_of
from trainer.objectives.trainer import FrozenVectors, ObjectiveTrainer

__all__ = [
    "ALIGNMENT",
    "CROSS_LINGUAL",
    "ENCODING",
    "ROLES",
    "FrozenVectors",
    "ObjectiveCollator",
    "ObjectiveTrainer",
    "columns_of",
    "languages_of",
]

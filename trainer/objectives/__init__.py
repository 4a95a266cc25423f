"""What sentence vectors are trained for: the kinds of batches, how they are collated, and the loss of each kind."""

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

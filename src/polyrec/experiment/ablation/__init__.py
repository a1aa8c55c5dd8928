"""One change at a time against an anchor, decided with paired statistics."""

from polyrec.experiment.ablation.question import Ask, Question, question
from polyrec.experiment.ablation.whole import ablate

__all__ = ["Ask", "Question", "ablate", "question"]

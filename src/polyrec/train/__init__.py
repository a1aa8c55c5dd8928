"""Training: one loop over stages of tasks, pure in (seed, stage, step), so resume is invisible."""

from polyrec.train.checkpoint import load_weights, within
from polyrec.train.loop import batch_seed, fit
from polyrec.train.objective import (
    PICKS,
    Answer,
    Pick,
    Rank,
    Scalable,
    Vary,
    faulty_to_padding,
    first,
    nearest,
)
from polyrec.train.optim import OPTIMS, SGD, Adagrad, Adam, AdamW, LazyAdam, Optim
from polyrec.train.ranks import Processes
from polyrec.train.record import Interrupted, NonFiniteError, Options, TensorBoard, Tick
from polyrec.train.refresh import hard_hook
from polyrec.train.schedule import (
    AdaptiveMargin,
    Best,
    Constant,
    Cosine,
    Epochs,
    Geometric,
    Linear,
    Piecewise,
    Plateau,
    Rounded,
    Span,
    Steps,
    WarmUp,
    best,
)
from polyrec.train.site import Evaluate
from polyrec.train.stage import Hook, Patience, Solve, Stage, Task, describe

SCHEDULES = {
    "constant": Constant,
    "linear": Linear,
    "cosine": Cosine,
    "geometric": Geometric,
    "piecewise": Piecewise,
    "warm_up": WarmUp,
    "rounded": Rounded,
    "plateau": Plateau,
    "adaptive_margin": AdaptiveMargin,
}

__all__ = [
    "OPTIMS",
    "PICKS",
    "SCHEDULES",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "AdaptiveMargin",
    "Answer",
    "Best",
    "Constant",
    "Cosine",
    "Epochs",
    "Evaluate",
    "Geometric",
    "Hook",
    "Interrupted",
    "LazyAdam",
    "Linear",
    "NonFiniteError",
    "Optim",
    "Options",
    "Patience",
    "Pick",
    "Piecewise",
    "Plateau",
    "Processes",
    "Rank",
    "Rounded",
    "Scalable",
    "Solve",
    "Span",
    "Stage",
    "Steps",
    "Task",
    "TensorBoard",
    "Tick",
    "Vary",
    "WarmUp",
    "batch_seed",
    "best",
    "describe",
    "faulty_to_padding",
    "first",
    "fit",
    "hard_hook",
    "load_weights",
    "nearest",
    "within",
]

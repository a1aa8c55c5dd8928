"""What the positives are held against, and by which loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

from torch import nn

from polyrec import losses
from polyrec.data import Sequences, Split, after_last, known_targets
from polyrec.negatives import (
    CURRICULUM,
    All,
    Curriculum,
    HardCache,
    HardWindow,
    InBatch,
    LogUniform,
    MaskKnown,
    Mixed,
    Popular,
    Share,
    Uniform,
    Varying,
    deal,
)
from polyrec.negatives.source import Sizable
from polyrec.recipes.sequence.build import EXACT
from polyrec.recipes.sequence.config import Config
from polyrec.train import Constant, Epochs, Hook, Linear, Piecewise, Rounded, hard_hook
from polyrec.types import Progress, RankingLoss, Retriever, Sampler, Schedule

COUNTED = ("uniform", "popular", "log_uniform")  # negatives of one fixed number
HARD = ("hard", "mixed", "curriculum")  # negatives that the current model is searched for


@dataclass(frozen=True)
class Against:
    """A sampler, and what it has to remember and to refresh."""

    sampler: Sampler
    keeps: Mapping[str, nn.Module]
    hooks: tuple[Hook, ...]


def loss(config: Config, items: int) -> RankingLoss:
    """The loss, with its own settings; with `hardest` on each row's hardest negatives."""
    chosen: RankingLoss
    if config.loss == "margin":
        chosen = partial(losses.margin, width=config.margin)
    elif config.loss == "interest_aware":
        chosen = partial(losses.interest_aware, beta=config.remi_beta)
    elif config.loss == "gbce":
        chosen = partial(losses.gbce, beta=losses.gbce_beta(items, config.count, config.gbce_t))
    else:
        chosen = losses.LOSSES[config.loss]
    return losses.Hardest(chosen, config.hardest) if config.hardest else chosen


def against(config: Config, split: Split, stream: Sequences, model: nn.Module) -> Against:
    """What the positives are held against.

    Raises:
        ValueError: loss and negatives do not go together.
    """
    _agree(config)
    keeps: dict[str, nn.Module] = {}
    hooks: tuple[Hook, ...] = ()
    if config.negatives in HARD:
        cache = _cache(config, split)
        search = partial(after_last, split.train, config.length, columns=stream.columns)
        keeps = {"hard": cache}
        hooks = (hard_hook(cache, cast(Retriever, model), search, Epochs(config.hard_every)),)
        sampler = _with_hard(config, split, cache)
    else:
        sampler = _drawn(config, split, stream)
    if config.reject_known:
        sampler = MaskKnown(sampler, known_targets(split.train))
    return Against(sampler, keeps, hooks)


def _agree(config: Config) -> None:
    """Refuses, before anything is learnt, what a loss could not use."""
    corrected = config.loss in losses.CORRECTED
    if config.loss == "gbce" and (config.negatives not in COUNTED or config.count_last):
        raise ValueError(
            f"loss=gbce, negatives={config.negatives}, count_last={config.count_last}: its beta is "
            f"that of a fixed count; use negatives={' or '.join(COUNTED)} with count_last=0"
        )
    if config.hardest and corrected:
        raise ValueError(
            f"hardest={config.hardest}: the hardest of the draws have no log Q, which "
            f"loss={config.loss} needs; use bce, bpr, margin or sampled_softmax_uncorrected"
        )
    if corrected and config.negatives in ("mixed", "curriculum") and not _always_even(config):
        raise ValueError(
            f"negatives={config.negatives}, count={config.count}: at some time all are hard ones, "
            f"whose log Q alone means nothing to loss={config.loss}; raise count, or lower hard"
        )
    if config.loss == "scalable" and config.similarity in EXACT:
        raise ValueError(
            f"loss=scalable: similarity={config.similarity} has no vectors to find buckets by; use "
            "dot, cosine or gated"
        )


def _always_even(config: Config) -> bool:
    """Whether every phase draws from another source than the hard one."""
    ratios = [_ratios(config)] if config.negatives == "mixed" else list(CURRICULUM.values())
    least = min(config.count, config.count_last or config.count)
    return all(sum(deal(one, least)[1:]) > 0 for one in ratios)


def _ratios(config: Config) -> tuple[float, float, float]:
    """Shares of hard, uniform and popular negatives."""
    return config.hard, config.random, round(1 - config.hard - config.random, 9)


def _drawn(config: Config, split: Split, stream: Sequences) -> Sampler:
    """Samplers that do not ask the model; their number may follow a schedule."""
    if config.negatives == "all":
        return All(split.facts.items, config.memory_mb)
    if config.negatives == "in_batch":
        return _in_batch(config, split, stream)
    plain = _of_its_own(config, split)
    beside = _in_batch(config, split, stream) if config.negatives == "uniform_in_batch" else None

    def sized(count: int) -> Sampler:
        one = plain.with_count(count)
        return one if beside is None else Mixed((one, beside))

    if not config.count_last:
        return sized(config.count)
    plain.with_count(config.count_last)  # refused now, not in the epoch that asks for it
    count = _count(config)
    return Varying(lambda progress: sized(count(progress)))


def _of_its_own(config: Config, split: Split) -> Sizable:
    """The source whose number is the setting's."""
    items, counts, count = split.facts.items, split.facts.counts, config.count
    match config.negatives:
        case "log_uniform":
            return LogUniform(
                items, counts, count, share=config.share, mask_history=config.reject_seen
            )
        case "popular":
            return Popular(
                items, counts, count, config.popular_alpha, config.share, config.reject_seen
            )
        case _:
            return _uniform(config, split, count)


def _uniform(config: Config, split: Split, count: int) -> Uniform | Popular:
    """Every item alike, or every one that train has seen."""
    items, counts, mask = split.facts.items, split.facts.counts, config.reject_seen
    if config.draw_from == "all":
        return Uniform(items, count, share=config.share, mask_history=mask)
    return Popular(items, counts, count, 0.0, config.share, mask)


def _in_batch(config: Config, split: Split, stream: Sequences) -> InBatch:
    probability = stream.target_probability(split.facts.items)
    return InBatch(probability, config.reject_seen, config.in_batch_most)


def _with_hard(config: Config, split: Split, cache: HardCache) -> Sampler:
    """Hard negatives alone, beside uniform and popular ones, or more of them as time goes on."""
    items, counts, count = split.facts.items, split.facts.counts, config.count
    own: Share = "row" if config.share == "row" else "sequence"
    hard = HardWindow(cache, count, own, config.reject_seen)
    if config.negatives == "hard":
        return hard
    others = (
        _uniform(config, split, count),
        Popular(items, counts, count, config.popular_alpha, config.share, config.reject_seen),
    )
    if config.negatives == "mixed":
        ratios: Schedule[Sequence[float]] = Constant(_ratios(config))
    else:
        phases = [CURRICULUM[name] for name in ("easy", "medium", "hard")]
        ratios = Piecewise([(place * config.phase, one) for place, one in enumerate(phases)])
    number = _count(config) if config.count_last else count
    mixture = Curriculum((hard, *others), ratios, number, config.hard_correction)
    mixture.at(Progress())  # ratios that are none are refused before anything is learnt
    return mixture


def _count(config: Config) -> Schedule[int]:
    """From `count` to `count_last`, which the last epoch has."""
    return Rounded(Linear(config.count, config.count_last, over=config.epochs))


def _cache(config: Config, split: Split) -> HardCache:
    window = (config.hard_first, config.hard_last)
    known = known_targets(split.train)
    return HardCache(split.facts.items, known, window, config.hard_query, config.memory_mb)


__all__ = ["HARD", "Against", "against", "loss"]

"""The run in two sentences: how good, how sure, and held against what."""

from __future__ import annotations

from polyrec.report.page import Figure, Rival, RunPage


def verdict(page: RunPage) -> str:
    """What a reader should take home. Says "not separated" where intervals overlap."""
    own = page.figure(page.primary)
    if own is None:
        return "This run has not been judged: it holds no figures."
    told = [f"{title(own.name)} is {interval(own)}{_over(own)}."]
    rivals = [(rival, rival.of(own.name)) for rival in page.rivals if not rival.ceiling]
    held = [(rival, found) for rival, found in rivals if found is not None]
    if held:
        rival, best = max(held, key=lambda pair: pair[1].value)
        told.append(_against(own, rival, best))
    ceiling = next((r.of(own.name) for r in page.rivals if r.ceiling), None)
    if ceiling is not None and ceiling.value > 0:
        told.append(
            f"The oracle, which knows the truth of this simulated world, reaches "
            f"{ceiling.value:.4f}: the run stands at {own.value / ceiling.value:.0%} of it."
        )
    return " ".join(told)


def title(metric: str) -> str:
    """A metric's name at the head of a sentence.

    >>> title("recall@50"), title("ndcg@10"), title("hit_rate@5")
    ('Recall@50', 'NDCG@10', 'Hit rate@5')
    """
    name, _, k = metric.partition("@")
    shown = name.upper() if name in ("ndcg", "mrr", "map", "auc") else name.replace("_", " ")
    shown = shown[:1].upper() + shown[1:]
    return f"{shown}@{k}" if k else shown


def interval(figure: Figure) -> str:
    """A value with its 95% interval.

    >>> interval(Figure("recall@50", 0.41234, 0.4, 0.42))
    '0.4123 (0.4000 to 0.4200)'
    """
    if figure.low is None or figure.high is None:
        return f"{figure.value:.4f} (no interval)"
    return f"{figure.value:.4f} ({figure.low:.4f} to {figure.high:.4f})"


def apart(one: Figure, other: Figure) -> bool | None:
    """Whether two intervals do not touch; None where one is missing."""
    ends = (one.low, one.high, other.low, other.high)
    if any(end is None for end in ends):
        return None
    return bool(one.low > other.high or other.low > one.high)  # type: ignore[operator]


def _over(figure: Figure) -> str:
    return f" over {figure.n:,} requests" if figure.n else ""


def _against(own: Figure, rival: Rival, best: Figure) -> str:
    """Own figure against the best baseline."""
    side = "above" if own.value > best.value else "below"
    if own.value == best.value:
        return f"The best baseline, {rival.name}, has the same value."
    separated = apart(own, best)
    times = f" ({own.value / best.value:.2f} times it)" if best.value > 0 else ""
    if separated:
        return f"That is {side} the best baseline, {rival.name} at {best.value:.4f}{times}."
    return (
        f"That is {side} the best baseline, {rival.name} at {best.value:.4f}{times}, but their "
        "intervals touch: a paired comparison must tell whether they differ."
    )

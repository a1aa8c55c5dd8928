"""What every number means, how it is computed, and how sure it is."""

from difflib import get_close_matches

from polyrec.metrics.dialects import DIALECTS, Dialect, dialect
from polyrec.metrics.label import LABEL, LabelMetric
from polyrec.metrics.passport import Passport, comparable
from polyrec.metrics.ranked import Hits, hits, match
from polyrec.metrics.ranking import RANKING, Formula
from polyrec.metrics.system import SYSTEM, Catalogue, System

__all__ = [
    "DIALECTS",
    "LABEL",
    "RANKING",
    "SYSTEM",
    "Catalogue",
    "Dialect",
    "Formula",
    "Hits",
    "LabelMetric",
    "Passport",
    "System",
    "comparable",
    "dialect",
    "explain",
    "hits",
    "match",
]


def explain(name: str) -> str:
    """What a metric is, in plain lines: its formula here, and where a dialect differs.

    `name` as printed, "ndcg@10"; k does not change the words.

    Raises:
        KeyError: no such metric.
    """
    metric, _, k = name.partition("@")
    lines = []
    if metric in RANKING:
        ours = RANKING[metric]
        lines += [f"{name}  ({ours.id}, mean over requests, 0 to 1)", f"  {ours.text}"]
        lines += ["  h_j = 1 where rank j is a hit; n = distinct wanted items; g(j) = 1/log2(j+1)"]
        lines += [f"  k = {k}" if k else "  k: give one, as in ndcg@10"]
        for kind in DIALECTS.values():
            if metric in kind.own:
                lines.append(f"  dialect {kind.name}: {kind.formulas[metric].text}")
            elif metric in kind.open:
                lines.append(f"  dialect {kind.name}: not verified, not offered")
    if metric in SYSTEM:
        system = SYSTEM[metric]
        lines += [f"{name}  ({system.id}, of the lists alone)", f"  {system.text}"]
        lines += [f"  needs the items' {system.needs}"] if system.needs else []
    if metric in LABEL:
        told = LABEL[metric]
        lines += [f"{metric} of a label  ({told.id})", f"  {told.text}"]
    if not lines:
        every = [*RANKING, *SYSTEM, *LABEL]
        near = get_close_matches(metric, every, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise KeyError(f"no metric {metric!r}: allowed are {', '.join(every)}{hint}")
    return "\n".join(lines)

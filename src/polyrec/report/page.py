"""What a report says, as plain values: no file, no markup, so that either side can change alone."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Figure:
    """One number with its interval, and what it means."""

    name: str  # "recall@50"
    value: float
    low: float | None = None
    high: float | None = None
    n: int | None = None  # requests behind it
    meaning: str = ""  # the passport's short line


@dataclass(frozen=True)
class Rival:
    """Another recommender's figures on the same requests: a baseline, or the oracle."""

    name: str
    figures: tuple[Figure, ...]
    ceiling: bool = False  # knows the truth of a simulated world

    def of(self, metric: str) -> Figure | None:
        """The figure of that name."""
        return next((figure for figure in self.figures if figure.name == metric), None)


@dataclass(frozen=True)
class Slice:
    """One part of the requests or of the wanted items, with its own figure."""

    by: str  # "user activity"
    name: str  # "5-9 events"
    figure: Figure
    small: bool = False  # too few to be told apart: shown grey, in no test


@dataclass(frozen=True)
class Track:
    """A quantity along the steps of training."""

    name: str
    points: tuple[tuple[float, float], ...]
    part: str = "train"  # train, chance, valid


@dataclass(frozen=True)
class Reference:
    """The learning curve a source gives for this recipe."""

    points: tuple[tuple[int, float, float], ...]  # (step, loss, recall@50)
    band: float
    source: str


@dataclass(frozen=True)
class Interests:
    """How a multi-interest model uses its interests."""

    cosine: tuple[tuple[float, ...], ...] = ()  # [K][K]
    shares: tuple[float, ...] = ()  # [K], how often each is the nearest to what was wanted
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Filter:
    """What one filter left of the data; sizes are (people, items, events)."""

    name: str
    before: tuple[int, int, int]
    after: tuple[int, int, int]


@dataclass(frozen=True)
class Setting:
    """One key of the configuration, who set it, and what the recipe says."""

    key: str
    value: str
    origin: str = "default"
    recipe: str = ""
    why: str = ""


@dataclass(frozen=True)
class Ailment:
    """What an audit of the graph or a diagnosis of the vectors found."""

    rule: str  # "F6"
    kind: str  # fault, note
    evidence: str
    meaning: str
    remedy: str


@dataclass(frozen=True)
class RunPage:
    """All that a run's report shows. What is empty was not recorded, and the page says so."""

    title: str
    about: tuple[tuple[str, str], ...] = ()  # (label, value): recipe, variant, data, seed
    primary: str = ""  # the metric that the run was selected by
    figures: tuple[Figure, ...] = ()
    rivals: tuple[Rival, ...] = ()
    tracks: tuple[Track, ...] = ()
    losses: tuple[str, ...] = ()  # what each task was trained on, a sentence each
    reference: Reference | None = None
    slices: tuple[Slice, ...] = ()
    interests: Interests | None = None
    filters: tuple[Filter, ...] | None = None  # None = not recorded
    dropped: tuple[tuple[str, str], ...] = ()
    facts: tuple[tuple[str, str], ...] = ()  # of the data
    notes: tuple[str, ...] = ()  # what was assumed of the data
    settings: tuple[Setting, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    findings: tuple[Ailment, ...] | None = None  # None = there was nothing to look at
    ending: tuple[str, ...] = ()  # how it stopped, what was resumed, how often test was read
    next_commands: tuple[tuple[str, str], ...] = ()  # (command, what it does)
    damaged: tuple[str, ...] = ()  # files that could not be read

    def figure(self, metric: str) -> Figure | None:
        """The run's own figure of that name."""
        return next((figure for figure in self.figures if figure.name == metric), None)


@dataclass(frozen=True)
class Versus:
    """One metric of two runs, compared over the same requests."""

    metric: str
    difference: float  # first minus second, absolute
    low: float
    high: float
    p: float | None = None
    verdict: str = ""
    n: int | None = None
    seeds: str = ""  # "3 against 3"


@dataclass(frozen=True)
class ComparisonPage:
    """Runs beside each other, and the tests between them."""

    title: str
    runs: tuple[RunPage, ...]
    versus: tuple[tuple[str, tuple[Versus, ...]], ...] = field(default=())  # ("a - b", rows)
    why_not: tuple[str, ...] = ()  # pairs that must not be compared, and the differing field

"""What the figure of a run shows: panels and guides, declared by a model as plain data and kept in the file."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

#: Formats of a figure by suffix, with metadata that does not change from one day to the next.
FORMATS = {
    ".pdf": {"Creator": "dmft", "Producer": "dmft", "CreationDate": None},
    ".png": {"Software": "dmft"},
    ".svg": {"Creator": "dmft", "Date": None},
}


@dataclass(frozen=True)
class Guide:
    """A law beside the data, drawn dashed (further ones dotted, dash-dotted, dash-dot-dotted) and named in the panel.

    Attributes
    ----------
    name : str
        An observable of the run. A curve over the axis of the panel is drawn as it is, a scalar as a horizontal line.
    ratio : {"", "y/x", "x/y"}
        With one of the latter, a scalar is a straight line through the origin: y/x or x/y is `factor` times its value.
    factor : float
        See `ratio`.
    label : str
        Words in the panel, mathematics between dollar signs. Default: the symbol of the observable.
    """

    name: str
    ratio: str = ""
    factor: float = 1.0
    label: str = ""

    def __post_init__(self) -> None:
        if self.ratio not in ("", "y/x", "x/y"):
            raise ValueError(f"ratio = {self.ratio!r} of guide {self.name!r}: give 'y/x', 'x/y' or nothing")


@dataclass(frozen=True)
class Panel:
    """One panel of a figure: a curve with theory as line, simulation as marks, or a function of two axes as a map.

    Attributes
    ----------
    y : str
        An observable with one axis (a curve) or two (a heat map: first axis upwards, second to the right).
    x : str
        What a curve is drawn against: a second scale of its axis such as ``step``, or another observable over the
        same axis (a parametric plot). Default: its axis.
    log : str or None
        Axes that are logarithmic, among ``x``, ``y`` and ``z`` (the colours of a map); ``""`` for none. Default:
        those where a linear axis would hide most points.
    guides : tuple of Guide
        Laws beside the data.
    title : str
        Words above it. Default: the short name of `y`.
    family : str
        The first axis of a `y` with two: drawn as lines, one for each of its points, instead of a map. `x` and a guide
        may then have two axes as well; of a guide the last line is drawn. A `y` that has one axis is a curve.

    Examples
    --------
    >>> Panel("test_error", log="xy")
    Panel(y='test_error', x='', log='xy', guides=(), title='', family='')
    >>> Panel("susceptibility", x="displacement", guides=(Guide("temperature", ratio="x/y", factor=2.0),)).observables
    ('susceptibility', 'displacement', 'temperature')
    """

    y: str
    x: str = ""
    log: str | None = None
    guides: tuple[Guide, ...] = ()
    title: str = ""
    family: str = ""

    def __post_init__(self) -> None:
        if self.log is not None and not set(self.log) <= set("xyz"):
            raise ValueError(f"log = {self.log!r} of panel {self.y!r}: give some of the letters x, y, z")

    @property
    def observables(self) -> tuple[str, ...]:
        """Names that the panel draws on; `x` may also be a coordinate."""
        return tuple(name for name in (self.y, self.x, *(guide.name for guide in self.guides)) if name)

    def is_log(self, axis: str, guess: bool = False) -> bool:
        """Whether `axis` is logarithmic; `guess` is what the data ask for, if the declaration leaves it open."""
        return guess if self.log is None else axis in self.log


def to_plain(panels: Iterable[Panel]) -> list[dict[str, Any]]:
    """Panels as dictionaries, ready for JSON."""
    return [dataclasses.asdict(panel) for panel in panels]


def from_plain(items: Iterable[Mapping[str, Any]]) -> tuple[Panel, ...]:
    """The panels that :func:`to_plain` described."""
    return tuple(Panel(**{**item, "guides": tuple(Guide(**guide) for guide in item["guides"])}) for item in items)

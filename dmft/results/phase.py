"""The immutable result of a sweep: what theory and simulation say at every point of a grid, or at scattered points."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ParameterError, UnknownNameError
from .curve import Coordinate, Curve
from .solution import Solution
from .status import COMPLETE, CONVERGED, FAILED, INTERRUPTED, STATES, SweepStatus

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

#: The dimension of points that form no grid.
SCATTERED = "point"


@dataclass(frozen=True, eq=False)
class PhaseDiagram:
    """Observables against the parameters that were swept.

    Attributes
    ----------
    model : str
        Slug.
    kind : str
        What was done at each point: ``theory``, ``simulation`` or ``comparison``.
    parameters, method : dict
        Parameters of the model and numerical options that were the same at all points.
    axes : tuple of str
        The dimensions: one for each swept parameter (for several that were zipped, the first); ``("point",)`` for
        scattered points.
    coordinates : dict
        Values of every swept parameter; zipped and scattered ones are second scales of their dimension.
    states : ndarray of int8
        State of each point as index into ``dmft.results.status.STATES``; one axis per entry of `axes`.
    seeds : ndarray of int64
        Seed of the random numbers of each point, −1 where it needs none.
    failures : tuple of dict
        ``point`` (names and values) and ``error`` of every point that failed.
    theory, simulation : Solution or None
        Curves with the dimensions `axes` first, then their own. NaN where a point is missing, failed, or its own
        axis ends earlier.
    comparison : Solution or None
        ``agrees`` (1, 0; NaN: nothing to compare) and for each observable ``NAME_max_z``, ``NAME_threshold``,
        ``NAME_relative_error``.
    references, provenance, changed
        As in :class:`dmft.results.run.Run`; `changed` tells of the fixed parameters.
    identity : str
        Digest of what is swept and what is fixed: sweeps of the same identity continue each other.
    """

    model: str
    kind: str
    parameters: dict[str, Any]
    method: dict[str, Any]
    axes: tuple[str, ...]
    coordinates: dict[str, Coordinate]
    states: np.ndarray
    seeds: np.ndarray
    failures: tuple[dict[str, Any], ...] = ()
    theory: Solution | None = None
    simulation: Solution | None = None
    comparison: Solution | None = None
    references: tuple[str, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)
    changed: dict[str, Any] = field(default_factory=dict)
    identity: str = ""

    @property
    def counts(self) -> dict[str, int]:
        """Number of points by state."""
        return {name: int(np.count_nonzero(self.states == code)) for code, name in enumerate(STATES)}

    @property
    def status(self) -> SweepStatus:
        """Interrupted if points are missing, else failed if some failed, else complete."""
        counts, total = self.counts, self.states.size
        parts = [f"{counts[name]} {name.replace('_', ' ')}" for name in STATES[2:] if counts[name]]
        words = f" ({', '.join(parts)})" if parts else ""
        if counts["missing"]:
            done = total - counts["missing"]
            return SweepStatus(INTERRUPTED, f"{done} of {total} points done{words}; the same command does the others")
        if counts["failed"]:
            return SweepStatus(FAILED, f"{total} points done{words}; the same command tries the failed ones again")
        return SweepStatus(COMPLETE, f"all {total} points done{words}")

    @property
    def scattered(self) -> bool:
        """True if the points form no grid (adaptive sweeps)."""
        return self.axes == (SCATTERED,)

    @property
    def main(self) -> Solution:
        """The theory if there is one, else the simulation; without curves if no point has any."""
        for part in (self.theory, self.simulation):
            if part is not None:
                return part
        raise ParameterError("this phase diagram holds no data: every point failed or is missing")

    @property
    def converged(self) -> np.ndarray:
        """True where a point has converged."""
        return self.states == STATES.index(CONVERGED)

    @property
    def scalars(self) -> dict[str, Curve]:
        """Observables with one number at each point."""
        if self.theory is None and self.simulation is None:
            return {}
        return {name: curve for name, curve in self.main.items() if curve.dims == self.axes}

    @property
    def observables(self) -> tuple[str, ...]:
        """Names of everything that a figure can show, scalars first."""
        names = dict.fromkeys([*self.scalars, *self])
        return tuple(name for name in names if self[name].dims[: len(self.axes)] == self.axes)

    def at_end(self, name: str, part: str | None = None) -> Curve:
        """One number at each point: a scalar as it is, of a curve the last value.

        Parameters
        ----------
        name : str
            An observable.
        part : {"theory", "simulation", "comparison"}, optional
            Where it is from; default: the first that has it.

        Returns
        -------
        Curve
            With the dimensions :attr:`axes`.
        """
        curve = self[name] if part is None else getattr(self, part)[name]
        own = curve.values.ndim - len(self.axes)
        if own == 0:
            return curve
        values, stderr = (_last(array, own) for array in (curve.values, curve.stderr))
        return replace(curve, values=values, stderr=stderr, dims=self.axes, long_name=f"{curve.long_name}, at the end")

    def __getitem__(self, name: str) -> Curve:
        for part in (self.theory, self.simulation, self.comparison):
            if part is not None and name in part:
                return part[name]
        raise UnknownNameError("observable", name, self)

    def __iter__(self) -> Iterator[str]:
        parts = [part for part in (self.theory, self.simulation, self.comparison) if part is not None]
        return iter(dict.fromkeys(name for part in parts for name in part))

    def __contains__(self, name: object) -> bool:
        return any(name == known for known in self)

    def __repr__(self) -> str:
        axes = ", ".join(f"{name} {size}" for name, size in zip(self.axes, self.states.shape, strict=True))
        return f"<PhaseDiagram of {self.model}: {self.kind}, {axes}, {self.status.code}>"

    def with_command(self, command: str) -> PhaseDiagram:
        """The same phase diagram with the command line that made it."""
        return replace(self, provenance={**self.provenance, "command": command})

    def save(self, path: str | Path, *, force: bool = False) -> Path:
        """Write an HDF5 file atomically; refuses an existing file unless `force`."""
        from .phase_file import save

        return save(self, Path(path), force=force)

    @classmethod
    def load(cls, path: str | Path) -> PhaseDiagram:
        """Read a file written by :meth:`save`."""
        from .phase_file import load_fields

        return cls(**load_fields(path))

    def to_xarray(self) -> xarray.DataTree:
        """The tree that ``xarray.open_datatree`` gives for the file (extra ``xarray``)."""
        from .phase_file import describe
        from .xarray import tree

        return tree(*describe(self))

    def _repr_html_(self) -> str:
        from .html import phase_html

        return phase_html(self)

    def plot(self, observables: str | list[str] | None = None) -> Figure:
        """Publication figure: maps with the contour of the transition, slices with error bars, all raw points."""
        from .phase_figures import plot

        return plot(self, observables)


def _last(values: np.ndarray | None, own: int) -> np.ndarray | None:
    """The last value along the last `own` axes that is not padding."""
    for _ in range(own if values is not None else 0):
        assert values is not None
        length = values.shape[-1]
        present = np.isfinite(values)
        # the last index with a number; where there is none the very last, which is NaN or infinite as well
        index = np.where(present.any(axis=-1), length - 1 - np.argmax(present[..., ::-1], axis=-1), length - 1)
        values = np.take_along_axis(values, index[..., None], axis=-1)[..., 0]
    return values

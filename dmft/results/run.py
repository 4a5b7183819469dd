"""The immutable result of one calculation: model, theory, simulation, comparison and where it came from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ParameterError, UnknownNameError
from .curve import Curve
from .picture import Panel
from .solution import PARTS, Solution
from .status import Status, worst

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

    from .comparison import Comparison


@dataclass(frozen=True, eq=False)
class Run:
    """A model's parameters with what theory and simulation say about them.

    Attributes
    ----------
    model : str
        Slug.
    parameters : dict
        All parameters of the model as plain values.
    changed : dict
        Symbol (else name) and value of the parameters that differ from the defaults; titles show them.
    theory, simulation : Solution or None
        Curves of either side.
    comparison : Comparison or None
        How well they agree.
    references : tuple of str
        Sources of the equations.
    provenance : dict
        ``versions`` (dict), ``command``, ``created`` (UTC), ``wall_time`` (s), ``platform``.
    figure : tuple of Panel
        What :meth:`plot` shows unless told otherwise; empty: the first curves and maps.

    Examples
    --------
    >>> import dmft
    >>> run = dmft.solve("sgd", alpha=2.0, steps=5, paths=512)
    >>> run["magnetization"].values.shape
    (6,)
    """

    model: str
    parameters: dict[str, Any]
    theory: Solution | None = None
    simulation: Solution | None = None
    comparison: Comparison | None = None
    references: tuple[str, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)
    changed: dict[str, Any] = field(default_factory=dict)
    figure: tuple[Panel, ...] = ()

    @property
    def main(self) -> Solution:
        """The theory if there is one, else the simulation."""
        solution = self.theory if self.theory is not None else self.simulation
        assert solution is not None, "a run holds theory, simulation or both"
        return solution

    @property
    def status(self) -> Status:
        """The worst of the statuses of theory and simulation."""
        return worst(*(part.status for part in (self.theory, self.simulation) if part is not None))

    @property
    def method(self) -> dict[str, Any]:
        """Numerical options, theory first; those of the simulation are added where names differ."""
        merged: dict[str, Any] = {}
        for part in (self.simulation, self.theory):
            merged.update(part.method if part is not None else {})
        return merged

    @property
    def scalars(self) -> dict[str, Curve]:
        """Observables without an axis."""
        return self.main.scalars

    def __getitem__(self, name: str) -> Curve:
        for part in (self.theory, self.simulation):
            if part is not None and name in part:
                return part[name]
        raise UnknownNameError("observable", name, self)

    def __iter__(self) -> Iterator[str]:
        parts = (part for part in (self.theory, self.simulation) if part is not None)
        return iter(dict.fromkeys(name for part in parts for name in part))

    def __contains__(self, name: object) -> bool:
        return any(name == known for known in self)

    def __repr__(self) -> str:
        parts = [name for name in PARTS if getattr(self, name) is not None]
        return f"<Run of {self.model}: {' + '.join(parts)}, {self.status.code}>"

    def with_command(self, command: str) -> Run:
        """The same run with the command line that made it."""
        return replace(self, provenance={**self.provenance, "command": command})

    def summary(self) -> dict[str, Any]:
        """The JSON object of the command line (without ``file``)."""
        curves = {name: curve for name, curve in self.main.items() if curve.dims}
        return {
            "model": self.model,
            "parameters": self.parameters,
            "method": self.method,
            "status": self.status.code,
            "scalars": {
                name: {"value": curve.last, "stderr": curve.last_stderr} for name, curve in self.scalars.items()
            },
            "curves": {
                name: {"dims": list(curve.dims), "shape": list(curve.values.shape), "last": curve.last}
                for name, curve in curves.items()
            },
        }

    def save(self, path: str | Path, *, force: bool = False) -> Path:
        """Write an HDF5 file atomically; refuses an existing file unless `force`. See :mod:`dmft.results.hdf5`."""
        from .hdf5 import save

        return save(self, Path(path), force=force)

    @classmethod
    def load(cls, path: str | Path) -> Run:
        """Read a file written by :meth:`save`."""
        if not isinstance(path, (str, Path)):
            raise ParameterError(f"path = {path!r} is not allowed: give the name of a file")

        from .hdf5 import load_fields

        return cls(**load_fields(path))

    def to_xarray(self) -> xarray.DataTree:
        """An xarray DataTree with children ``theory`` and ``simulation`` (extra ``xarray``)."""
        from .xarray import to_xarray

        return to_xarray(self)

    def plot(self, observables: str | Panel | Sequence[str | Panel] | None = None) -> Figure:
        """Publication figure: theory as line, simulation as marks, residuals below, maps; default :attr:`figure`."""
        from .figures import plot

        return plot(self, observables)

    def _repr_html_(self) -> str:
        from .html import run_html

        return run_html(self)

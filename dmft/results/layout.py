"""A run as groups of named, labelled arrays: what the HDF5 file and the xarray tree both hold.

Keeping this description apart from HDF5 makes the file and the tree equal by construction. The way back is in
:mod:`dmft.results.restore`.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import OutputError
from .comparison import Comparison, ObservableComparison
from .curve import Coordinate, Curve
from .picture import to_plain
from .solution import Solution

if TYPE_CHECKING:
    from .run import Run

SCHEMA, SCHEMA_VERSION = "dmft-run", 2
#: The provenance of a run, each kept as one attribute of the root.
PROVENANCE = {"versions": dict, "command": str, "wall_time": float, "created": str, "platform": str}
#: Fields of ObservableComparison that are one number; the others are arrays over ``size``.
ARRAYS = ("deviation", "noise")
NUMBERS = tuple(item.name for item in dataclasses.fields(ObservableComparison) if item.name not in ARRAYS)
Attributes = dict[str, Any]


@dataclass(frozen=True)
class Variable:
    """An array with the names of its axes and its attributes."""

    dims: tuple[str, ...]
    values: np.ndarray
    attrs: Attributes


@dataclass(frozen=True)
class Group:
    """Variables with their own coordinates. A coordinate whose dimension has another name is a second scale."""

    attrs: Attributes
    coordinates: dict[str, Variable] = field(default_factory=dict)
    variables: dict[str, Variable] = field(default_factory=dict)

    @property
    def second_scales(self) -> dict[str, str]:
        """Name and dimension of every coordinate that is not the main scale of its dimension."""
        return {name: item.dims[0] for name, item in self.coordinates.items() if item.dims != (name,)}


def describe(run: Run) -> tuple[Attributes, dict[str, Group]]:
    """Attributes of the root (without ``complete``) and the groups of a run.

    Raises
    ------
    OutputError
        If two arrays would have the same name, or lengths along an axis differ.
    """
    seed = run.method.get("seed")
    attrs: Attributes = {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "status": run.status.code,
        "status_message": run.status.message,
        "model": run.model,
        "parameters": to_json(run.parameters),
        "changed": to_json(run.changed),
        "method": to_json(run.method),
        "references": to_json(run.references),
        "figure": to_json(to_plain(run.figure)),
    }
    if seed is not None:
        attrs["seed"] = seed if abs(seed) < 2**63 else str(seed)
    attrs |= origin(run.provenance)
    groups = {}
    if run.theory is not None:
        groups["theory"] = solution_group(run.theory)
    if run.simulation is not None:
        groups["simulation"] = solution_group(run.simulation)
    if run.comparison is not None:
        groups["comparison"] = _comparison_group(run.comparison)
    for name, group in groups.items():
        check_group(name, group)
    return attrs, groups


def solution_group(solution: Solution) -> Group:
    """The curves of a solution with their axes."""
    attrs: Attributes = {
        "status": solution.status.code,
        "status_message": solution.status.message,
        "samples": solution.samples,
        "method": to_json(solution.method),
        "diagnostics": to_json(solution.diagnostics),
    }
    return group_of(attrs, axes_of(solution.coordinates.values()), solution.values())


def axes_of(coordinates: Iterable[Coordinate]) -> dict[str, Variable]:
    """The points of every axis as variables."""
    return {item.name: Variable((item.axis,), np.asarray(item.values), labels(item)) for item in coordinates}


def origin(provenance: Mapping[str, Any]) -> Attributes:
    """Attributes of the root that tell where a result comes from."""
    known = {name: kind for name, kind in PROVENANCE.items() if name in provenance}
    return {name: to_json(provenance[name]) if kind is dict else kind(provenance[name]) for name, kind in known.items()}


def group_of(attrs: Attributes, coordinates: dict[str, Variable], curves: Iterable[Curve]) -> Group:
    """The curves as variables, each followed by its standard errors (linked as CF ancillary variables)."""
    pairs: list[tuple[str, Variable]] = []
    for curve in curves:
        attributes, partner = labels(curve), f"{curve.name}_stderr"
        if curve.stderr is None:
            pairs.append((curve.name, Variable(curve.dims, curve.values, attributes)))
            continue
        pairs.append((curve.name, Variable(curve.dims, curve.values, {**attributes, "ancillary_variables": partner})))
        attributes = {**attributes, "symbol": f"σ({curve.symbol})", "long_name": f"standard error of {curve.long_name}"}
        pairs.append((partner, Variable(curve.dims, curve.stderr, attributes)))
    repeated = [name for name, count in Counter([*coordinates, *(name for name, _ in pairs)]).items() if count > 1]
    if repeated:
        raise OutputError(f"two arrays are called {repeated[0]!r}: rename one of the observables or coordinates")
    return Group(attrs, coordinates, dict(pairs))


def labels(item: Curve | Coordinate) -> Attributes:
    """Attributes of a variable."""
    return {"units": item.unit, "long_name": item.long_name, "symbol": item.symbol}


def _comparison_group(comparison: Comparison) -> Group:
    items = comparison.observables
    numbers = {name: {key: getattr(item, key) for key in NUMBERS} for name, item in items.items()}
    attrs = {"verdict": comparison.verdict, "message": comparison.message, "observables": to_json(numbers)}
    if comparison.reason:
        attrs["reason"] = comparison.reason
    size = Coordinate("size", np.array(comparison.sizes, dtype=np.int64), "N", "number of weights")
    curves = []
    for name, item in items.items():
        for key, words in zip(ARRAYS, ("deviation from theory", "standard error of that deviation"), strict=True):
            long_name = f"root mean square {words}, {name}"
            values = np.array(getattr(item, key), dtype=np.float64)
            curves.append(Curve(f"{name}_{key}", values, None, ("size",), f"{key}({name})", long_name))
    return group_of(attrs, {"size": Variable(("size",), size.values, labels(size))}, curves)


def check_group(where: str, group: Group) -> None:
    """Refuse what netCDF readers could not open: it would be a file that only looks right."""
    lengths: dict[str, int] = {}
    for name, item in [*group.coordinates.items(), *group.variables.items()]:
        if not name.isidentifier():
            raise OutputError(f"{name!r} in {where} cannot be the name of an array: use letters, digits and _")
        if item.values.ndim != len(item.dims) or len(set(item.dims)) < len(item.dims):
            raise OutputError(f"{name} in {where} has shape {item.values.shape}, but dims {item.dims}")
        for dim, length in zip(item.dims, item.values.shape, strict=True):
            if lengths.setdefault(dim, length) != length:
                raise OutputError(f"{name} in {where} has {length} points along {dim}, others have {lengths[dim]}")


def to_json(value: Any) -> str:
    """Strict JSON: what is not finite becomes null, arrays become lists, anything unknown its text."""
    return json.dumps(_plain(value), ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)

"""Finished points put together: arrays whose first dimensions are what was swept."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..results.curve import Coordinate
from ..results.layout import Group, Variable
from ..results.phase import SCATTERED, PhaseDiagram
from ..results.provenance import provenance
from ..results.restore import restored_solution
from ..results.solution import PARTS, Solution
from ..results.status import ORDER, STATES
from ..solvers.memory import check_memory
from .axes import coordinate, coordinates
from .plan import Plan, Point
from .work import Record


def merge(
    plan: Plan,
    points: Sequence[Point],
    records: Mapping[str, Record],
    errors: Mapping[str, str],
    seconds: float,
    *,
    scattered: bool,
) -> PhaseDiagram:
    """The phase diagram of all points; what is neither in `records` nor in `errors` is missing.

    Parameters
    ----------
    points : sequence of Point
        In the order of the grid; in any order if `scattered`.
    records, errors : mapping
        By name of the point.
    """
    if scattered:
        axes: tuple[str, ...] = (SCATTERED,)
        points = sorted(points, key=lambda point: tuple(point.values.values()))
        shape: tuple[int, ...] = (len(points),)
        axis = {
            name: coordinate(item, [point.values[name] for point in points], SCATTERED)
            for name, item in plan.declared.items()
        }
    else:
        axes = tuple(axis.names[0] for axis in plan.axes)
        shape = tuple(len(axis) for axis in plan.axes)
        axis = coordinates(plan.axes, plan.declared)
    states = np.array([_state(point, records, errors) for point in points], dtype=np.int8).reshape(shape)
    seeds = np.array([point.seed for point in points], dtype=np.int64).reshape(shape)
    found = [records.get(point.name) for point in points]
    method = {name: value for part in ("simulation", "method") for name, value in plan.constants.get(part, {}).items()}
    return PhaseDiagram(
        model=plan.model.slug,
        kind=plan.kind,
        parameters=plan.constants["parameters"],
        method={**method, "size": list(plan.sizes)} if plan.sizes else method,
        axes=axes,
        coordinates=axis,
        states=states,
        seeds=seeds,
        failures=tuple(
            {"point": point.values, "error": errors[point.name]} for point in points if point.name in errors
        ),
        references=plan.model.references,
        provenance=provenance(seconds),
        changed=plan.changed,
        identity=plan.identity,
        **{part: _solution(part, found, axes, shape, axis) for part in PARTS},
    )


def _state(point: Point, records: Mapping[str, Record], errors: Mapping[str, str]) -> int:
    if point.name in records:
        return STATES.index(records[point.name].status)
    return STATES.index("failed") if point.name in errors else 0


def _solution(
    part: str,
    found: Sequence[Record | None],
    axes: tuple[str, ...],
    shape: tuple[int, ...],
    swept: Mapping[str, Coordinate],
) -> Solution | None:
    """One part of all points as curves whose first dimensions are `axes`; None if no point has it."""
    groups = [None if record is None else record.groups.get(part) for record in found]
    present = [group for group in groups if group is not None]
    if not present:
        return None
    taken = {name: Variable((item.axis,), np.asarray(item.values), _labels(item)) for name, item in swept.items()}
    own, ragged = _own_axes(present, taken)
    layout: dict[str, Variable] = {}
    for name, item in [*(pair for group in present for pair in group.variables.items()), *ragged.items()]:
        layout.setdefault(name, item)
    lengths = {
        dim: max(_length(group, dim) for group in present) for dim in {d for v in layout.values() for d in v.dims}
    }
    total = math.prod(shape)
    check_memory(
        16.0 * total * sum(math.prod(lengths[dim] for dim in item.dims) for item in layout.values()),
        "sweep fewer points at a time, or fewer --steps",
    )
    variables = {}
    for name, item in layout.items():
        values = np.full((total, *(lengths[dim] for dim in item.dims)), np.nan)
        for index, group in enumerate(groups):
            mine = None if group is None else group.variables.get(name, group.coordinates.get(name))
            if mine is not None:
                values[index, ...][tuple(slice(length) for length in mine.values.shape)] = mine.values
        dims = tuple(f"{dim}_index" if dim in ragged else dim for dim in item.dims)
        variables[name] = Variable((*axes, *dims), values.reshape(*shape, *values.shape[1:]), item.attrs)
    statuses = [group.attrs.get("status", ORDER[0]) for group in present]
    worst = max(statuses, key=ORDER.index)
    attrs: dict[str, Any] = {
        "status": worst,
        "status_message": f"{statuses.count(ORDER[0])} of {total} points converged",
        "samples": max(int(group.attrs.get("samples", 0)) for group in present),
        "method": "{}",
        "diagnostics": "{}",
    }
    return restored_solution({part: Group(attrs, {**taken, **own}, variables)}, part)


def _own_axes(
    present: Sequence[Group], taken: Mapping[str, Variable]
) -> tuple[dict[str, Variable], dict[str, Variable]]:
    """Coordinates of the curves' own axes: those that all points share, and the main ones that differ.

    Points that stopped earlier share the start.
    """
    longest: dict[str, Variable] = {}
    for group in present:
        for name, item in group.coordinates.items():
            if name not in longest or len(item.values) > len(longest[name].values):
                longest[name] = item
    shared: dict[str, Variable] = {}
    ragged: dict[str, Variable] = {}
    for name, item in longest.items():
        same = all(
            np.array_equal(group.coordinates[name].values, item.values[: len(group.coordinates[name].values)])
            for group in present
            if name in group.coordinates
        )
        if same and name not in taken:
            shared[name] = item
        elif not same and item.dims == (name,):
            ragged[name] = item
    # a second scale stands on its dimension, whose name changes where that is ragged
    return {
        name: Variable((f"{item.dims[0]}_index",), item.values, item.attrs) if item.dims[0] in ragged else item
        for name, item in shared.items()
    }, ragged


def _length(group: Group, dim: str) -> int:
    """Points of one group along an axis; 0 where it has none."""
    items = [*group.coordinates.values(), *group.variables.values()]
    return max((item.values.shape[item.dims.index(dim)] for item in items if dim in item.dims), default=0)


def _labels(item: Coordinate) -> dict[str, str]:
    return {"units": item.unit, "long_name": item.long_name, "symbol": item.symbol}

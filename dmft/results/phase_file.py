"""HDF5 files of phase diagrams: axes and states in the root, observables in groups as in the file of a run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import FileFormatError
from . import hdf5
from .curve import Coordinate
from .layout import (
    SCHEMA,
    SCHEMA_VERSION,
    Attributes,
    Group,
    Variable,
    axes_of,
    check_group,
    origin,
    solution_group,
    to_json,
)
from .restore import get_attribute, get_json, restored_labels, restored_provenance, restored_run, restored_solution
from .solution import PARTS
from .status import STATES

if TYPE_CHECKING:
    from .phase import PhaseDiagram

PHASE_SCHEMA, PHASE_VERSION = "dmft-phase", 2
#: Names of the arrays in the root; a swept parameter may be called ``seed``.
STATE, SEED = "point_status", "point_seed"


def save(diagram: PhaseDiagram, path: str | os.PathLike[str], *, force: bool = False) -> Path:
    """Write a phase diagram to an HDF5 file, whole or not at all; see :func:`dmft.results.hdf5.save`."""
    return hdf5.write(Path(path), *describe(diagram), force=force)


def load_fields(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The fields of the phase diagram in a file written by :func:`save`.

    Raises
    ------
    FileFormatError
        If there is no such file, or it is foreign, damaged, incomplete or of a newer schema.
    """
    schema, fields = load_any(path)
    if schema != PHASE_SCHEMA:
        raise FileFormatError(f"cannot read {path}: it holds a run: give a file of dmft sweep")
    return fields


def load_any(path: str | os.PathLike[str]) -> tuple[str, dict[str, Any]]:
    """Schema and fields of a file of either kind: a run or a phase diagram."""

    def make(schema: str, attrs: Attributes, groups: dict[str, Group]) -> tuple[str, dict[str, Any]]:
        return schema, restored_run(attrs, groups) if schema == SCHEMA else restored_phase(attrs, groups)

    return hdf5.read(Path(path), {SCHEMA: SCHEMA_VERSION, PHASE_SCHEMA: PHASE_VERSION}, make)


def describe(diagram: PhaseDiagram) -> tuple[Attributes, dict[str, Group]]:
    """Attributes of the root (without ``complete``) and all groups.

    Raises
    ------
    OutputError
        If two arrays would have the same name, or lengths along an axis differ.
    """
    attrs: Attributes = {
        "schema": PHASE_SCHEMA,
        "schema_version": PHASE_VERSION,
        "status": diagram.status.code,
        "status_message": diagram.status.message,
        "model": diagram.model,
        "kind": diagram.kind,
        "parameters": to_json(diagram.parameters),
        "changed": to_json(diagram.changed),
        "method": to_json(diagram.method),
        "axes": to_json(diagram.axes),
        "failures": to_json(diagram.failures),
        "references": to_json(diagram.references),
        "identity": diagram.identity,
    }
    attrs |= origin(diagram.provenance)
    words = ", ".join(f"{code} {name.replace('_', ' ')}" for code, name in enumerate(STATES))
    states: Attributes = {"units": "1", "long_name": f"state of the point: {words}", "symbol": ""}
    seeds: Attributes = {"units": "1", "long_name": "seed of the random numbers, -1: none needed", "symbol": "seed"}
    arrays = {STATE: Variable(diagram.axes, diagram.states, states), SEED: Variable(diagram.axes, diagram.seeds, seeds)}
    groups = {"/": Group({}, axes_of(diagram.coordinates.values()), arrays)}
    for name in PARTS:
        part = getattr(diagram, name)
        if part is not None:
            groups[name] = solution_group(part)
    for name, group in groups.items():
        check_group(name, group)
    return attrs, groups


def restored_phase(attrs: Attributes, groups: Mapping[str, Group]) -> dict[str, Any]:
    """The fields of the phase diagram that :func:`describe` described.

    Raises
    ------
    FileFormatError
        If something is missing or malformed.
    """
    root = groups["/"]
    axes = tuple(get_json(attrs, "/", "axes", list))
    for name in (STATE, SEED):
        if name not in root.variables or root.variables[name].dims != axes:
            raise FileFormatError(f"variable {name!r} of / is missing or malformed")
    states = root.variables[STATE].values
    if states.size and not 0 <= int(states.min()) <= int(states.max()) < len(STATES):
        raise FileFormatError(f"variable {STATE!r} of / has values outside of 0 to {len(STATES) - 1}")
    words: dict[str, Any] = {name: get_attribute(attrs, "/", name, str) for name in ("model", "kind", "identity")}
    facts = {name: get_json(attrs, "/", name, dict) for name in ("parameters", "method", "changed")}
    parts: dict[str, Any] = {name: restored_solution(groups, name) for name in PARTS}
    return dict(
        axes=axes,
        coordinates={name: _coordinate(name, item) for name, item in root.coordinates.items()},
        states=states,
        seeds=root.variables[SEED].values,
        failures=tuple(get_json(attrs, "/", "failures", list)),
        references=tuple(get_json(attrs, "/", "references", list)),
        provenance=restored_provenance(attrs),
        **parts,
        **words,
        **facts,
    )


def _coordinate(name: str, item: Variable) -> Coordinate:
    return Coordinate(
        name, item.values, *restored_labels(item, f"/{name}"), dim="" if item.dims == (name,) else item.dims[0]
    )

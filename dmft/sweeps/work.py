"""What a worker does with one point: calculate it and pack its curves into bytes."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import numpy as np

from ..api import compare, simulate, solve
from ..errors import DMFTError, FileFormatError
from ..results.comparison import AGREES
from ..results.layout import Group, Variable, describe
from ..results.provenance import package_version
from ..results.run import Run
from ..results.status import INTERRUPTED
from ..simulation.method import Simulation
from ..theory.registry import find

#: Name of the array with the header in a point's file.
HEADER = "header"
FORMAT = 1


@dataclass(frozen=True)
class Record:
    """A finished point: its task, how it ended, and its arrays."""

    task: dict[str, Any]
    status: str
    message: str
    seconds: float
    groups: dict[str, Group]


def run_point(task: Mapping[str, Any]) -> bytes:
    """Calculate a point; the answer is the content of its file.

    Raises
    ------
    DMFTError
        If this process has another version of the package, or the calculation refuses its parameters.
    KeyboardInterrupt
        If the calculation was interrupted.
    """
    if task["version"] != package_version():
        raise DMFTError(f"this worker has dmft {package_version()}, the sweep {task['version']}: update one of them")
    import_module(task["module"])  # a model that is not among those found by themselves
    run = _calculate(task)
    if run.status.code == INTERRUPTED:
        raise KeyboardInterrupt
    return pack(task, run)


def _calculate(task: Mapping[str, Any]) -> Run:
    cls = find(task["model"])
    model = cls.from_dict(task["parameters"])
    if task["kind"] == "theory":
        return solve(model, cls.method.from_dict(task["method"]))
    if task["kind"] == "simulation":
        return simulate(model, Simulation.from_dict(task["simulation"]))
    options = {name: value for name, value in task["simulation"].items() if name != "size"}
    size = task["sizes"] or [task["simulation"]["size"]]
    return compare(model, cls.method.from_dict(task["method"]), size=size, **options)


def pack(task: Mapping[str, Any], run: Run) -> bytes:
    """Scalars and curves over one axis of a run as a NumPy archive, every array under a checksum.

    Two-time functions are left out: they are larger than all else together.
    """
    _, groups = describe(replace(run, comparison=None))
    groups = {name: _without_maps(group) for name, group in groups.items()}
    if run.comparison is not None:
        groups["comparison"] = _comparison(run)
    header: dict[str, Any] = {
        "format": FORMAT,
        "task": dict(task),
        "status": run.status.code,
        "message": run.status.message,
        "seconds": run.provenance["wall_time"],
    }
    arrays: dict[str, Any] = {}
    labels: dict[str, Any] = {}
    for where, group in groups.items():
        parts = {"coordinates": group.coordinates, "variables": group.variables}
        labels[where] = {
            part: {name: [item.dims, item.attrs] for name, item in items.items()} for part, items in parts.items()
        }
        labels[where]["attrs"] = group.attrs
        for items in parts.values():
            arrays |= {f"{where}/{name}": item.values for name, item in items.items()}
    header["groups"] = labels
    arrays[HEADER] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    target = io.BytesIO()
    np.savez(target, **arrays)
    return target.getvalue()


def unpack(data: bytes) -> Record:
    """The record that :func:`pack` made.

    Raises
    ------
    FileFormatError
        If it is damaged, or something else.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive}
        header = json.loads(arrays[HEADER].tobytes())
        if header["format"] != FORMAT:
            raise ValueError(f"format {header['format']}")
        groups = {
            where: Group(
                content["attrs"],
                *(
                    {
                        name: Variable(tuple(dims), arrays[f"{where}/{name}"], attrs)
                        for name, (dims, attrs) in content[part].items()
                    }
                    for part in ("coordinates", "variables")
                ),
            )
            for where, content in header["groups"].items()
        }
        return Record(header["task"], header["status"], header["message"], float(header["seconds"]), groups)
    except Exception as error:  # a damaged archive fails in many ways; all mean the same
        raise FileFormatError(f"not the file of a point ({type(error).__name__}: {error})") from None


def _without_maps(group: Group) -> Group:
    kept = {name: item for name, item in group.variables.items() if item.values.ndim <= 1}
    used = {dim for item in kept.values() for dim in item.dims}
    axes = {name: item for name, item in group.coordinates.items() if item.dims[0] in used}
    return Group(group.attrs, axes, kept)


def _comparison(run: Run) -> Group:
    """Verdict and numbers as scalars."""
    assert run.comparison is not None
    items = run.comparison.observables
    agrees = float(run.comparison.verdict == AGREES) if items else float("nan")
    facts = {"agrees": (agrees, "theory and simulation agree (1) or deviate (0)")}
    for name, item in items.items():
        facts[f"{name}_max_z"] = item.max_z, f"largest deviation of {name}, standard errors"
        facts[f"{name}_threshold"] = item.threshold, f"deviation of {name} that chance allows, standard errors"
        facts[f"{name}_relative_error"] = item.relative_error, f"relative deviation of {name}"
    variables = {
        name: Variable((), np.array(value), {"units": "1", "long_name": words, "symbol": ""})
        for name, (value, words) in facts.items()
    }
    return Group({"message": run.comparison.message}, {}, variables)

"""What a sweep is going to do: one model, one kind of calculation, values that are fixed and values that vary."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..errors import DMFTError, ParameterError, UnknownNameError
from ..parameters import Declared, Parameter, digest
from ..results.provenance import package_version
from ..simulation.method import Simulation
from ..theory.base import Model
from .axes import Axis, coordinates

KINDS = {
    "theory": ("parameters", "method"),
    "simulation": ("parameters", "simulation"),
    "comparison": ("parameters", "method", "simulation"),
}
Values = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Point:
    """One point: the swept values, what a worker has to do, and the name of its file.

    Attributes
    ----------
    values : dict
        Swept names and values.
    task : dict
        JSON-like description that :func:`dmft.sweeps.work.run_point` carries out.
    name : str
        16 hex digits: digest of everything that decides the numbers.
    refused : str
        Why the model does not allow these values, else empty.
    """

    values: dict[str, Any]
    task: dict[str, Any]
    name: str
    refused: str = ""

    @property
    def seed(self) -> int:
        """Seed of its random numbers; −1 if it needs none."""
        seeds = [part["seed"] for part in (self.task["method"], self.task["simulation"]) if "seed" in part]
        return int(seeds[0]) if seeds else -1


@dataclass(frozen=True)
class Plan:
    """A sweep as it was asked for; `fixed` has the values of each part, `sizes` those of a comparison."""

    model: type[Model]
    kind: str
    axes: tuple[Axis, ...]
    fixed: Values
    sizes: tuple[int, ...] = ()

    @property
    def parts(self) -> dict[str, type[Declared]]:
        """Declarations of the parts that this kind of calculation uses."""
        return parts_of(self.model, self.kind)

    @cached_property
    def declared(self) -> dict[str, Parameter]:
        """Declarations of all swept names."""
        known = declarations(self.model, self.kind)
        return {name: known[name] for axis in self.axes for name in axis.names}

    @property
    def names(self) -> tuple[str, ...]:
        """All swept names."""
        return tuple(self.declared)

    @cached_property
    def constants(self) -> Values:
        """All values that are the same at every point, defaults included, by part."""
        return {
            part: {
                item.name: item.validate(self.fixed.get(part, {}).get(item.name, item.default))
                for item in cls.declared()
                if item.name not in self.declared and not (self.sizes and item.name == "size")
            }
            for part, cls in self.parts.items()
        }

    @cached_property
    def changed(self) -> dict[str, Any]:
        """Symbol (else name) and value of the fixed parameters that differ from the model's defaults."""
        declared = {item.name: item for item in self.model.declared()}
        return {
            declared[name].symbol or name: value
            for name, value in self.constants["parameters"].items()
            if value != declared[name].default
        }

    @cached_property
    def contents(self) -> dict[str, Any]:
        """What a store must agree in to be continued."""
        return {
            "model": self.model.slug,
            "kind": self.kind,
            "swept": sorted(self.names),
            "fixed": json.loads(json.dumps(self.constants)),
            "sizes": list(self.sizes),
            "version": package_version(),
        }

    @property
    def identity(self) -> str:
        """Digest of :attr:`contents`."""
        return digest(self.contents, length=16)

    def check(self) -> None:
        """Raise ParameterError for what no point could do anything about."""
        if self.model.__module__ == "__main__":
            raise ParameterError(
                f"model {self.model.slug!r} is defined in the script itself, where no worker can import it from: "
                "move it into a module of its own"
            )
        for values in self.constants.values():
            for name, value in values.items():
                if not isinstance(value, (bool, int, float, str, type(None))):
                    raise ParameterError(
                        f"{name} = {value} of your own cannot be sent to workers: write it into a model of your own, "
                        "or call dmft.solve in a loop"
                    )
        arrays = {item.name for item in self.model.observables}
        along = {dim: item.name for item in reversed(self.model.observables) for dim in item.dims}
        for name in self.names:
            if name in along:
                raise ParameterError(
                    f"{name} is already an axis of each run of {self.model.slug} (of {along[name]}): sweep another, "
                    "or read it from one run"
                )
            if name in arrays:
                raise ParameterError(f"{name} is also the name of an observable of {self.model.slug}: sweep another")
        coordinates(self.axes, self.declared)

    def point(self, values: Mapping[str, Any]) -> Point:
        """One point; never fails: what the model refuses is told by :attr:`Point.refused`."""
        given = {
            part: {
                **self.constants[part],
                **{item.name: values[item.name] for item in cls.declared() if item.name in values},
            }
            for part, cls in self.parts.items()
        }
        if self.sizes:
            given["simulation"]["size"] = self.sizes[0]
        refused, full = "", given
        try:
            full = {part: cls.from_dict(given[part]).as_dict() for part, cls in self.parts.items()}
        except DMFTError as error:
            refused = str(error)
        task: dict[str, Any] = {"model": self.model.slug, "kind": self.kind, "sizes": list(self.sizes)}
        task |= {part: full.get(part, {}) for part in ("parameters", "method", "simulation")}
        seed = int(digest("seed", task, length=16), 16) >> 1  # 63 bits: a function of the point alone
        for part in ("method", "simulation"):
            if "seed" in task[part]:
                task[part] = {**task[part], "seed": seed}
        task |= {"version": package_version(), "module": self.model.__module__}
        return Point(dict(values), task, digest(given, task, length=16), refused)

    def points(self, several: Sequence[Mapping[str, Any]]) -> list[Point]:
        """All points.

        Raises
        ------
        ParameterError
            If the model refuses every one of them: then the reason is among what is fixed.
        """
        made = [self.point(values) for values in several]
        if made and all(point.refused for point in made):
            raise ParameterError(made[0].refused)
        return made


def default_sizes(model: type[Model], axes: Sequence[Axis], fixed: Values) -> tuple[int, ...]:
    """Sizes that the twin can do at all corners of a sweep, as `default_sizes` of one model."""
    found = []
    declared = {item.name for item in model.declared()}
    for corner in itertools.product(*((axis.rows[0], axis.rows[-1]) for axis in axes)):
        pairs = [pair for axis, row in zip(axes, corner, strict=True) for pair in zip(axis.names, row, strict=True)]
        here = {name: value for name, value in pairs if name in declared}
        with suppress(DMFTError):  # what is wrong there will be told for that point
            found.append(model.from_dict({**fixed.get("parameters", {}), **here}).default_sizes())
    return min(found, key=max, default=model.sizes)


def parts_of(model: type[Model], kind: str) -> dict[str, type[Declared]]:
    """Declarations of the parts that a kind of calculation uses."""
    if kind not in KINDS:
        raise UnknownNameError("kind of sweep", str(kind), KINDS)
    known: dict[str, type[Declared]] = {"parameters": model, "method": model.method, "simulation": Simulation}
    return {part: known[part] for part in KINDS[kind]}


def declarations(model: type[Model], kind: str) -> dict[str, Parameter]:
    """Everything that can be swept, by name."""
    return {item.name: item for cls in reversed(parts_of(model, kind).values()) for item in cls.declared()}


def find_declaration(model: type[Model], kind: str, name: str, what: str = "swept parameter") -> Parameter:
    """The declaration of one name.

    Raises
    ------
    UnknownNameError, ParameterError
        If nothing has that name; if it has no effect in this kind of sweep.
    """
    known = declarations(model, kind)
    if name in known:
        return known[name]
    if name in declarations(model, "comparison"):
        others = [other for other in KINDS if name in declarations(model, other)]
        raise ParameterError(f"{name} has no effect on {kind}: leave it out, or choose kind {' or '.join(others)}")
    raise UnknownNameError(what, name, known)

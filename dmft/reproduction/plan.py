"""What is calculated: each task once, however many recipes need it, under a name that tells when it is the same."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ..api import parse_sizes, split, twin
from ..errors import DMFTError
from ..parameters import digest
from ..results.provenance import package_version
from ..simulation.method import Simulation
from ..sweeps.estimate import estimate, one_thread
from ..sweeps.plan import Plan, Point
from ..sweeps.sweep import make_plan
from ..theory.base import Model
from ..theory.recipe import Recipe, Task
from ..theory.registry import find

#: Parts of the package that decide numbers.
DECIDING = ("api.py", "parameters.py", "results", "simulation", "solvers", "sweeps", "theory")
#: Claims are judged anew every time, so that their text decides no number.
IGNORED = ("recipes", "recipe.py", "claims.py", "checks.py")


@dataclass(frozen=True)
class Job:
    """A task with its values checked.

    Attributes
    ----------
    task : Task
        As it is done in this mode.
    stem : str
        Name of its files: a digest of everything that decides the numbers, the code included.
    model : Model or Plan
        What is calculated; a plan for a sweep.
    method, simulations : Declared and list
        Numerical options of the theory and of each simulation, as far as there are any.
    """

    task: Task
    stem: str
    model: Model | Plan
    method: Any = None
    simulations: tuple[Simulation, ...] = ()

    @property
    def seeds(self) -> list[int]:
        """Seeds of its random numbers."""
        parts = [self.method, *self.simulations]
        return sorted({int(part.seed) for part in parts if hasattr(part, "seed")})

    def needs(self) -> dict[str, float]:
        """Predicted ``memory`` in bytes and ``seconds`` in one thread."""
        if isinstance(self.model, Plan):
            return estimate(self.model, 1)
        with one_thread():
            found = [] if self.method is None else [self.model.estimate(self.method)]
            found += [twin(self.model).estimate(self.model, item) for item in self.simulations]
        return {"memory": max(item["memory"] for item in found), "seconds": sum(item["seconds"] for item in found)}

    def point(self, folder: Path) -> Point:
        """What a worker is told."""
        task = self.task
        told = {
            "command": task.command,
            "slug": task.slug,
            "options": dict(task.options),
            "over": dict(task.over),
            "kind": task.kind,
            "zipped": list(task.zipped),
            "words": task.words(),
            "stem": self.stem,
            "folder": str(folder.resolve()),
            "module": find(task.slug).__module__,
            "version": package_version(),
        }
        return Point({}, told, self.stem)


def make_job(task: Task) -> Job:
    """The job of a task.

    Raises
    ------
    DMFTError
        If its values are not allowed.
    """
    cls, given = find(task.slug), dict(task.options)
    stem = f"{task.slug.replace('/', '-')}-{task.command}-"
    code = [package_version(), code_version(), *_plugin(cls)]
    if task.command == "sweep":
        groups = [group.split(",") for group in task.zipped]
        plan = make_plan(task.slug, task.over, task.kind, groups, given)
        rows = [[list(axis.names), [list(row) for row in axis.rows]] for axis in plan.axes]
        return Job(task, stem + digest(plan.contents, rows, code), plan)
    sizes = given.pop("size", None)
    declared: list[Any] = [cls]
    declared += [cls.method] if task.command != "simulate" else []
    declared += [Simulation] if task.command != "solve" else []
    values = dict(zip(declared, split(given, *declared), strict=True))
    model = cls.from_dict(values[cls])
    method = cls.method.from_dict(values[cls.method]) if cls.method in values else None
    simulations: tuple[Simulation, ...] = ()
    if Simulation in values:
        numbers = list(model.default_sizes()) if sizes is None else parse_sizes(sizes)
        numbers = numbers[-1:] if task.command == "simulate" else numbers
        simulations = tuple(Simulation.from_dict({**values[Simulation], "size": number}) for number in numbers)
    parts = [model.as_dict(), method and method.as_dict(), [item.as_dict() for item in simulations]]
    return Job(task, stem + digest(parts, code), model, method, simulations)


@dataclass(frozen=True)
class Planned:
    """A recipe with its jobs by the name of the task; `refused` says why it has none."""

    recipe: Recipe
    jobs: dict[str, Job]
    refused: str = ""


def plan(recipes: Sequence[Recipe], full: bool) -> list[Planned]:
    """All recipes with the jobs of this mode; one whose values are not allowed does not stop the others."""
    made = []
    for recipe in recipes:
        try:
            jobs = {task.name: make_job(task.at(full)) for task in recipe.tasks}
        except DMFTError as error:
            made.append(Planned(recipe, {}, str(error)))
        else:
            made.append(Planned(recipe, jobs))
    return made


@cache
def code_version() -> str:
    """Digest of the source text that decides numbers: results of other code are not taken for those of this one."""
    root = Path(__file__).resolve().parents[1]
    text = hashlib.sha256()
    for part in DECIDING:
        paths = [root / part] if part.endswith(".py") else sorted((root / part).rglob("*.py"))
        for path in paths:
            if not set(IGNORED) & set(path.relative_to(root).parts):
                text.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return text.hexdigest()[:16]


def _plugin(cls: type[Model]) -> list[str]:
    """Digests of the files of a model that lives in another package."""
    if cls.__module__.partition(".")[0] == __name__.partition(".")[0]:
        return []
    names = [getattr(sys.modules[cls.__module__], "__file__", None)]
    spec = importlib.util.find_spec(cls.twin_module())
    names.append(spec.origin if spec is not None else None)
    return [hashlib.sha256(Path(name).read_bytes()).hexdigest() for name in names if name]

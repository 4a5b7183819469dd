"""A plug-in with a model that does what it is told, and recipes of its own in the module that the model names."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from dmft.cli import cli
from dmft.reproduction.work import run_task
from dmft.sweeps.worker import describe_error
from dmft.theory import registry

MODEL = """
import time
from dataclasses import dataclass
from typing import ClassVar
import numpy as np
from dmft.parameters import Declared, declare
from dmft.results.curve import Coordinate, Observable
from dmft.results.solution import Solution
from dmft.results.status import Status
from dmft.theory.base import Model
from dmft.theory.registry import register


@dataclass(frozen=True)
class Dice(Declared):
    seed: int = declare(0, "seed", "seed", bounds="[0, inf)")


@register
@dataclass(frozen=True)
class Toy(Model):
    slug: ClassVar[str] = "toy/obedient"
    title: ClassVar[str] = "Does what it is told"
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("power", "y", "a power of x", ("x",)), Observable("noise", "n", "a random number", ()))
    method: ClassVar[type[Declared]] = Dice
    recipes: ClassVar[str] = "dmft_toy_recipes"
    exponent: float = declare(2.0, "p", "power", bounds="(-inf, inf)")
    mode: str = declare("good", "", "what happens", choices=("good", "raise", "diverge"))
    seconds: float = declare(0.0, "", "duration", bounds="[0, inf)")

    def solve(self, method, progress):
        time.sleep(self.seconds)
        if self.mode == "raise":
            raise ZeroDivisionError("no such luck")
        x = np.arange(1.0, 6.0)
        curves = {"power": self.observable("power").curve(x**self.exponent),
                  "noise": self.observable("noise").curve(np.random.default_rng(method.seed).standard_normal(), 0.5)}
        code = "diverged" if self.mode == "diverge" else "converged"
        return Solution(curves, {"x": Coordinate("x", x, "x", "x")}, Status(code, "done"), 4, method.as_dict())

    def estimate(self, method):
        return {"memory": 1e6, "seconds": self.seconds}
"""
RECIPES = """
import json, os
from dmft.results.checks import Between, Equals, Slope
from dmft.results.claims import Pick
from dmft.theory.recipe import Recipe, Task

SECONDS = float(os.environ.get("DMFT_TOY_SECONDS", "0"))


def task(name="", command="solve", full=None, **options):
    return Task(command, "toy/obedient", {"seconds": SECONDS, **options}, name=name, full=full or {})


RECIPES = (
    Recipe("toy/obedient", "right", "y grows as a square", "nobody, arXiv:0000.00000", [task(exponent=2.0)],
           [Slope(Pick("power"), float(os.environ.get("DMFT_TOY_CLAIM", "2")), 1e-9)]),
    Recipe("toy/obedient", "half", "y | is a cube, and 1 at 1", "nobody", [task(exponent=2.0)],
           [Slope(Pick("power"), 3.0, 0.1), Equals(Pick("power", {"x": 1.0}), "1.0")], expected="partly"),
    Recipe("toy/obedient", "wrong", "y < 0 & falls", "nobody", [task(exponent=1.0, full={"exponent": 1.5})],
           [Between(Pick("power"), high=0.0)], expected="not confirmed", note="x is <positive>"),
    Recipe("toy/obedient", "random", "the noise is small", "nobody", [task("a", seed=1), task("b", seed=2)],
           [Between(Pick("noise"), -9.0, 9.0), Equals(Pick("noise", task="a"), Pick("noise", task="b"))]),
    Recipe("toy/obedient", "swept", "the power of 2 is 2 to it", "nobody",
           [Task("sweep", "toy/obedient", {}, over={"exponent": "1,2,3"})],
           [Equals(Pick("power", {"exponent": 3.0, "x": 2.0}), "8.0")]),
    Recipe("toy/obedient", "long", "it takes long", "nobody", [task(exponent=5.0)], [Slope(Pick("power"), 5.0, 1e-9)],
           long=True),
)
BAD = {
    "hoped": Recipe("toy/obedient", "hoped", "y is a cube", "nobody", [task()], [Slope(Pick("power"), 3.0, 0.1)]),
    "raises": Recipe("toy/obedient", "raises", "works", "nobody", [task(mode="raise")], [Between(Pick("power"))]),
    "diverges": Recipe("toy/obedient", "diverges", "ends", "nobody", [task(mode="diverge")], [Between(Pick("power"))]),
    "refused": Recipe("toy/obedient", "refused", "starts", "nobody", [task(exponent="two")], [Between(Pick("power"))]),
    "blind": Recipe("toy/obedient", "blind", "it is there", "nobody", [task()], [Between(Pick("nothing"))]),
}
RECIPES += tuple(BAD[name] for name in filter(None, os.environ.get("DMFT_TOY_BAD", "").split(",")))
"""
NAMES = ("dmft_toy", "dmft_toy_recipes")


class InProcess:
    """Stands in for worker processes, which take seconds to start."""

    def __init__(self, jobs, work):
        self.close = list

    def __call__(self, points):
        for point in points:
            try:
                yield point, run_task(json.loads(json.dumps(point.task)))
            except Exception as error:
                yield point, describe_error(error)


@pytest.fixture(scope="session")
def in_process():
    """The stand-in."""
    return InProcess


@pytest.fixture(scope="session")
def stamps():
    """Dates of the results in a folder by name."""
    return lambda folder: {path.name: path.stat().st_mtime_ns for path in (folder / "runs").glob("*.h5")}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "papers"


@pytest.fixture
def call(folder):
    """``dmft reproduce toy -o FOLDER …`` in this process."""
    return lambda *words: CliRunner().invoke(cli, ["reproduce", "toy", "-o", str(folder), "--jobs", "1", *words])


@pytest.fixture
def quick(monkeypatch):
    """Tasks are done in this process, and without figures."""
    monkeypatch.setattr("dmft.reproduction.reproduce.LocalPool", InProcess)
    monkeypatch.setattr("dmft.reproduction.work.draw", lambda *_: None)


@pytest.fixture
def toy(tmp_path_factory, monkeypatch):
    """Give the environment variables of the plug-in; it is loaded anew."""
    folder = tmp_path_factory.mktemp("plugin")
    (folder / "dmft_toy.py").write_text(MODEL)
    (folder / "dmft_toy_recipes.py").write_text(RECIPES)
    monkeypatch.syspath_prepend(str(folder))
    known = dict(registry.models())

    def load(**variables: str) -> Path:
        for name, value in variables.items():
            monkeypatch.setenv(f"DMFT_TOY_{name.upper()}", value)
        monkeypatch.setattr(registry, "_models", dict(known))
        for name in NAMES:
            sys.modules.pop(name, None)
        __import__("dmft_toy")
        return folder

    load()
    yield load
    for name in NAMES:
        sys.modules.pop(name, None)

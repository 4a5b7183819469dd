"""Small sweeps of the closed form: exact, a few milliseconds a point; and a model that misbehaves on demand."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from dmft.results.phase import PhaseDiagram
from dmft.theory import registry

#: A model in a module of its own, as a plug-in would have it: workers must be able to import it.
TROUBLE = """
import os, signal, time
from dataclasses import dataclass
from typing import ClassVar
import numpy as np
from dmft.errors import ParameterError
from dmft.parameters import Declared, declare
from dmft.results.curve import Coordinate, Observable
from dmft.results.solution import Solution
from dmft.results.status import Status
from dmft.theory.base import Model
from dmft.theory.registry import register


@dataclass(frozen=True)
class Nothing(Declared):
    seed: int = declare(0, "seed", "seed", bounds="[0, inf)")


@register
@dataclass(frozen=True)
class Trouble(Model):
    slug: ClassVar[str] = "trouble"
    title: ClassVar[str] = "Does what x says"
    observables: ClassVar[tuple[Observable, ...]] = (Observable("step", "s", "a step at 0.3", ()),
                                                      Observable("noise", "n", "a random number", ()))
    method: ClassVar[type[Declared]] = Nothing
    x: float = declare(0.0, "x", "where", bounds="(-inf, inf)")
    y: float = declare(0.0, "y", "another", bounds="(-inf, inf)")
    mode: str = declare("good", "", "what happens", choices=("good", "raise", "kill", "once", "print", "diverge"))
    seconds: float = declare(0.0, "", "duration", bounds="[0, inf)")
    folder: str = declare(".", "", "for the traces of 'once'")

    def check(self):
        if self.y > 100:
            raise ParameterError(f"y = {self.y:g} is too much with x = {self.x:g}")

    def solve(self, method, progress):
        print("a model that prints")
        time.sleep(self.seconds)
        if self.mode == "raise" and self.x > 0:
            raise ZeroDivisionError("no such luck")
        if self.mode == "kill" and self.x > 0:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.mode == "once" and self.x > 0 and not os.path.exists(self.folder + "/once"):
            open(self.folder + "/once", "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        rng = np.random.default_rng(method.seed)
        curves = {"step": self.observable("step").curve(np.tanh(40 * (self.x - 0.3))),
                  "noise": self.observable("noise").curve(rng.standard_normal(), 1.0)}
        code = "diverged" if self.mode == "diverge" and self.x > 0 else "converged"
        return Solution(curves, {}, Status(code, "done"), 2, method.as_dict())
"""


@pytest.fixture
def trouble(tmp_path_factory, monkeypatch):
    """The slug of the model that misbehaves."""
    folder = tmp_path_factory.mktemp("plugin")
    (folder / "dmft_trouble.py").write_text(TROUBLE)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(registry, "_models", dict(registry.models()))
    sys.modules.pop("dmft_trouble", None)
    __import__("dmft_trouble")
    yield "trouble"
    sys.modules.pop("dmft_trouble", None)


def assert_same(left: PhaseDiagram, right: PhaseDiagram) -> None:
    """All arrays equal in every bit, NaN included."""
    assert left.axes == right.axes
    pairs = [(left.states, right.states), (left.seeds, right.seeds)]
    assert left.coordinates.keys() == right.coordinates.keys()
    pairs += [(item.values, right.coordinates[name].values) for name, item in left.coordinates.items()]
    for part in ("theory", "simulation", "comparison"):
        one, two = getattr(left, part), getattr(right, part)
        assert (one is None) == (two is None)
        if one is None:
            continue
        assert list(one) == list(two)
        for name, curve in one.items():
            pairs.append((curve.values, two[name].values))
            assert (curve.stderr is None) == (two[name].stderr is None)
            if curve.stderr is not None:
                pairs.append((curve.stderr, two[name].stderr))
        pairs += [(item.values, two.coordinates[name].values) for name, item in one.coordinates.items()]
    for one, two in pairs:
        assert (one.dtype, one.shape, one.tobytes()) == (two.dtype, two.shape, np.ascontiguousarray(two).tobytes())


@pytest.fixture(scope="session", name="assert_same")
def _assert_same():
    return assert_same


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Where a sweep may write."""
    return tmp_path / "phase.h5"

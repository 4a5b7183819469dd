"""Options of finite-size simulations."""

from __future__ import annotations

from dataclasses import dataclass, make_dataclass
from functools import cache
from typing import TYPE_CHECKING

from ..parameters import Declared, declare, redeclare

if TYPE_CHECKING:
    from ..theory.base import Model


@dataclass(frozen=True)
class Simulation(Declared):
    """The same problem at finite size, in independent replicas (own data, own start, own mini-batches)."""

    size: int = declare(2000, "N", "number of weights", bounds="[2, 1e9]")
    replicas: int = declare(8, "", "independent replicas, for the error bars", bounds="[1, 1e6]")
    seed: int = declare(0, "seed", "seed of all random numbers", bounds="[0, inf)")
    precision: str = declare("float64", "", "arithmetic of the simulation", choices=("float64", "float32"))
    backend: str = declare("numpy", "", "array library: CPU or CUDA GPU", choices=("numpy", "cupy"))
    field_response: bool = declare(False, "", "also measure the response, exactly, to fields at all times")


def simulation_of(model: type[Model]) -> type[Simulation]:
    """The options with the default size of this model, the last of its sizes."""
    return _with_size(model.sizes[-1])


@cache
def _with_size(size: int) -> type[Simulation]:
    if size == Simulation.size:
        return Simulation
    field = ("size", int, redeclare(Simulation, "size", size))
    return make_dataclass("Simulation", [field], bases=(Simulation,), frozen=True)

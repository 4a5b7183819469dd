"""Options of finite-size simulations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..errors import ParameterError
from ..parameters import Declared, declare


@dataclass(frozen=True)
class Simulation(Declared):
    """The same problem at finite size, in independent replicas (own data, own start, own mini-batches)."""

    size: int = declare(2000, "N", "number of weights, or what else the model counts", bounds="[2, 1e9]")
    replicas: int = declare(8, "", "independent replicas, for the error bars", bounds="[1, 1e6]")
    seed: int = declare(0, "seed", "seed of all random numbers", bounds="[0, inf)")
    precision: str = declare("float64", "", "arithmetic of the simulation", choices=("float64", "float32"))
    backend: str = declare("numpy", "", "array library: CPU or CUDA GPU", choices=("numpy", "cupy"))
    field_response: bool = declare(False, "", "also measure the response, exactly, to fields at all times")

    def only(self, who_needs: str, **values: Any) -> None:
        """Refuse options that have no meaning: ``only("averages need", precision="float64")``.

        Raises
        ------
        ParameterError
            If an option has another value.
        """
        for name, value in values.items():
            if getattr(self, name) != value:
                raise ParameterError(f"{name} = {getattr(self, name)!r} is not allowed here: {who_needs} {value}")

"""``dmft compare``: theory against simulations at one or several sizes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import ParameterError
from .model_command import ModelCommand, Selection, Values
from .options import common_options, complete_slug_or_file

if TYPE_CHECKING:
    from ..results.run import Run
    from ..simulation.method import Simulation
    from ..theory.base import Model
    from .calculation import Calculation


@click.command(
    name="compare",
    short_help="Judge how well theory and simulation agree.",
    cls=ModelCommand,
    parts=("parameters", "method", "simulation"),
    takes_run=True,
    helps={"size": ("N[,N,…]", "N: {meaning}; several to extrapolate  [default {sizes}]")},
)
@click.argument("slug", required=False, metavar="[SLUG|RUN.h5]", shell_complete=complete_slug_or_file)
@click.option("--check", is_flag=True, help="Exit with code 4 unless theory and simulation agree.")
@common_options
@click.pass_obj
def command(command_line: str, selection: Selection, values: Values, **options: Any) -> int:
    """Solve the theory of the model SLUG (default: sgd), simulate it at finite size, and judge the agreement.

    With several sizes the deviation is extrapolated to infinite size. A file RUN.h5 of 'dmft solve' brings its
    theory, which is not solved again. The verdict is that they agree, that they deviate, or, where the theory predicts
    nothing of what the simulation measures, that it is undecided.

    Example: dmft compare --size 1000,2000,4000 --replicas 20 --check
    """
    from .calculation import carry_out

    if selection.run is not None:
        calculation = against_run(selection.run, values["simulation"])
    else:
        calculation = against_theory(selection, values)
    return carry_out(calculation, command_line=command_line, **options)


def simulations_of(model: Model, values: dict[str, Any]) -> list[Simulation]:
    """One simulation for each size that is given, or else that the twin of the model can do."""
    from ..api import parse_sizes
    from ..simulation.method import Simulation

    values = dict(values)
    given = values.pop("size", None)
    sizes = model.default_sizes() if given is None else parse_sizes(given)
    return [Simulation.from_dict({**values, "size": size}) for size in sizes]


def against_theory(selection: Selection, values: Values) -> Calculation:
    """Solve, then simulate."""
    from ..api import compare, twin
    from .calculation import Calculation

    model = selection.model.from_dict(values["parameters"])
    method = selection.model.method.from_dict(values["method"])
    module, simulations = twin(model), simulations_of(model, values["simulation"])
    return Calculation(
        "compare",
        model,
        {"method": method.as_dict(), **_identity(simulations)},
        lambda: [model.estimate(method), *(module.estimate(model, item) for item in simulations)],
        lambda progress: compare(model, method, progress=progress, **_options(simulations)),
        _notes(simulations),
    )


def against_run(path: Path, values: dict[str, Any]) -> Calculation:
    """Simulate what a file has the theory of."""
    from ..api import compare, twin
    from ..results.run import Run
    from ..theory.registry import find
    from .calculation import Calculation

    run: Run = Run.load(path)
    if run.theory is None:
        raise ParameterError(f"{path} holds no theory: give a file of 'dmft solve', or the model {run.model}")
    if not run.theory.status.success:
        raise ParameterError(f"the theory in {path} is not complete ({run.theory.status.code}): solve it again")
    model = find(run.model).from_dict(run.parameters)
    module, simulations = twin(model), simulations_of(model, values)
    # the simulation in the file, if any, is not part of what is compared
    theory = replace(run, simulation=None, comparison=None)
    return Calculation(
        "compare",
        model,
        {"method": run.theory.method, **_identity(simulations)},
        lambda: [module.estimate(model, item) for item in simulations],
        lambda progress: compare(theory, progress=progress, **_options(simulations)),
        _notes(simulations),
    )


def _notes(simulations: list[Simulation]) -> tuple[str, ...]:
    if simulations[0].replicas > 1:
        return ()
    return ("one replica has no error bars, so there will be no verdict: use --replicas 2 or more",)


def _identity(simulations: list[Simulation]) -> dict[str, Any]:
    shared = {name: value for name, value in simulations[0].as_dict().items() if name != "size"}
    return {"simulation": shared, "sizes": [item.size for item in simulations]}


def _options(simulations: list[Simulation]) -> dict[str, Any]:
    return {**simulations[0].as_dict(), "size": [item.size for item in simulations]}

"""``dmft simulate``: the same problem at finite size."""

from __future__ import annotations

from typing import Any

import click

from .model_command import ModelCommand, Selection, Values
from .options import common_options, complete_slug


@click.command(
    name="simulate",
    short_help="Simulate a model at finite size.",
    cls=ModelCommand,
    parts=("parameters", "simulation"),
    helps={"size": ("N", "N: {meaning}  [default {size}]")},
)
@click.argument("slug", required=False, shell_complete=complete_slug)
@common_options
@click.pass_obj
def command(command_line: str, selection: Selection, values: Values, **options: Any) -> int:
    """Simulate the model SLUG (default: sgd) with finitely many weights, in independent replicas.

    Example: dmft simulate --alpha 2.0 --size 1000 --replicas 8
    """
    from ..api import simulate, twin
    from ..simulation.method import Simulation
    from .calculation import Calculation, carry_out

    model = selection.model.from_dict(values["parameters"])
    method = Simulation.from_dict({"size": model.default_sizes()[-1], **values["simulation"]})
    module = twin(model)
    calculation = Calculation(
        "simulate",
        model,
        method.as_dict(),
        lambda: [module.estimate(model, method)],
        lambda progress: simulate(model, method, progress=progress),
    )
    return carry_out(calculation, command_line=command_line, **options)

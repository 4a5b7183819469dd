"""``dmft solve``: the theory of a model."""

from __future__ import annotations

from typing import Any

import click

from .model_command import ModelCommand, Selection, Values
from .options import common_options, complete_slug


@click.command(
    name="solve", short_help="Solve the theory of a model.", cls=ModelCommand, parts=("parameters", "method")
)
@click.argument("slug", required=False, shell_complete=complete_slug)
@common_options
@click.pass_obj
def command(command_line: str, selection: Selection, values: Values, **options: Any) -> int:
    """Solve the theory of the model SLUG (default: sgd); write an HDF5 file and a figure, print a table.

    Examples: dmft solve --alpha 2.0; dmft solve sgd/ridge --steps 50 --json; dmft solve --config run.toml -o run.h5
    """
    from ..api import solve
    from .calculation import Calculation, carry_out

    model = selection.model.from_dict(values["parameters"])
    method = selection.model.method.from_dict(values["method"])
    calculation = Calculation(
        "solve",
        model,
        method.as_dict(),
        lambda: [model.estimate(method)],
        lambda progress: solve(model, method, progress=progress),
    )
    return carry_out(calculation, command_line=command_line, **options)

"""``dmft plot``: the figure of a file."""

from __future__ import annotations

from pathlib import Path

import click
from click.shell_completion import CompletionItem

from ..errors import DMFTError, ParameterError
from ..results.picture import FORMATS


def _complete_observable(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from ..api import load
    from ..results.run import Run

    try:
        run = load(ctx.params["file"])
    except (DMFTError, KeyError, TypeError):
        return []  # no file yet, or not one of ours
    if not isinstance(run, Run):
        return [CompletionItem(name) for name in run.observables if name.startswith(incomplete)]
    names = {name for part in (run.theory, run.simulation) if part is not None for name in part if part[name].dims}
    return [CompletionItem(name) for name in sorted(names) if name.startswith(incomplete)]


@click.command(name="plot", short_help="Draw the figure of a file.")
@click.argument("file", type=click.Path(path_type=Path, readable=False))
@click.option(
    "--observable", "observables", multiple=True, metavar="NAME", shell_complete=_complete_observable,
    help="Draw this observable only; may be repeated.",
)  # fmt: skip
@click.option(
    "-o", "output", type=click.Path(path_type=Path, readable=False), metavar="FIGURE", help="A .pdf, .png or .svg file."
)
@click.option("--force", is_flag=True, help="Replace an existing figure.")
@click.option("-v", "--verbose", is_flag=True, help="A traceback for unexpected errors.")
def command(file: Path, observables: tuple[str, ...], output: Path | None, force: bool, verbose: bool) -> int:
    """Draw the figure of FILE (default: a PDF of the same stem beside it).

    Examples: dmft plot run.h5 --observable magnetization --observable correlation -o fig.svg;
    dmft plot phase.h5 --observable final_test_error
    """
    from ..api import load
    from .output import check_path, write_figure

    if not file.name:
        raise ParameterError(
            f"FILE {str(file)!r} is not allowed: give a file of dmft solve, simulate, compare or sweep"
        )
    path = output or file.with_suffix(".pdf")
    if path.suffix not in FORMATS:
        raise ParameterError(f"-o {path} is not allowed: give a name that ends in one of {', '.join(FORMATS)}")
    run = load(file)
    check_path(path, replace=force)
    write_figure(run, path, list(observables) or None)
    click.echo(f"figure  {path}")
    return 0

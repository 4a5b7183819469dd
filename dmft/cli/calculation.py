"""The life of a calculation: warn, check what can fail later, calculate, write, report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import DMFTError, MemoryLimitError
from ..results.progress import Progress
from .console import Console
from .group import INTERRUPTED
from .output import Output, Written, plan_output
from .report import print_json, run_lines, run_object, seconds, table

if TYPE_CHECKING:
    from ..results.run import Run
    from ..theory.base import Model

COMPARISON_FAILED = 4


class Unfinished(DMFTError):
    """A calculation ended with nothing that could be written."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True)
class Calculation:
    """What a command is going to do.

    Attributes
    ----------
    command : str
        ``solve``, ``simulate`` or ``compare``.
    method : dict
        All numerical options; with the model they identify the calculation.
    estimates : callable
        Predicted ``memory`` and ``seconds`` of each of its parts, done one after the other.
    compute : callable
        Does it.
    notes : tuple of str
        Warnings beside those of the model.
    """

    command: str
    model: Model
    method: dict[str, Any]
    estimates: Callable[[], list[dict[str, float]]]
    compute: Callable[[Progress], Run]
    notes: tuple[str, ...] = ()

    @property
    def backend(self) -> str | None:
        """The array backend of its simulations, if it has any."""
        method = self.method.get("simulation", self.method)
        name: str | None = method.get("backend")
        return name


def carry_out(
    calculation: Calculation,
    *,
    command_line: str,
    name: str | None,
    force: bool,
    figure: bool,
    as_json: bool,
    dry_run: bool,
    quiet: bool,
    verbose: bool,
    check: bool = False,
) -> int:
    """Do it and return the exit code; the arguments are those of :func:`dmft.cli.options.common_options`."""
    from .. import __version__

    model = calculation.model
    console = Console(quiet, verbose)
    console.filter_warnings()
    identity = [calculation.command, model.slug, model.as_dict(), calculation.method, __version__]
    stem = model.slug.replace("/", "-") + ("" if calculation.command == "solve" else f"-{calculation.command}")
    output = plan_output(name, stem, identity, figure=figure, force=force)
    for sentence in (*model.warnings(), *calculation.notes):
        console.warn(sentence)
    if dry_run:
        return tell_needs(calculation, output, as_json)
    output.check()
    try:
        with console.bar() as progress:
            run = calculation.compute(progress).with_command(command_line)
    except KeyboardInterrupt:
        raise Unfinished("interrupted before anything was finished: nothing is written", INTERRUPTED) from None
    return deliver(run, model.title, output, console, as_json=as_json, check=check)


def deliver(run: Run, title: str, output: Output, console: Console, *, as_json: bool, check: bool) -> int:
    """Write and report a run."""
    status = run.status
    if not has_data(run):
        raise Unfinished(f"{status.message}: there are no data, nothing is written", status.exit_code or 1)
    written = output.write(run)
    for part in ("theory", "simulation"):
        solution = getattr(run, part)
        if solution is not None:
            console.details(part, solution.diagnostics)
    if as_json:
        if not status.success:
            console.warn(f"{status.code}: {status.message}")
        print_json(run_object(run, written.file))
    else:
        click.echo("\n".join([*run_lines(run, title), *_file_lines(written)]))
    if written.error is not None:
        raise written.error
    deviates = run.comparison is not None and run.comparison.verdict != "agrees"
    return status.exit_code or (COMPARISON_FAILED if check and deviates else 0)


def has_data(run: Run) -> bool:
    """True if anything at all was calculated."""
    parts = [part for part in (run.theory, run.simulation) if part is not None]
    return any(curve.values.size for part in parts for curve in part.values())


def _file_lines(written: Written) -> list[str]:
    files = {"file": written.file, "figure": written.figure}
    rows = [(what, str(path)) for what, path in files.items() if path is not None]
    return ["", *table(rows)] if rows else []


def tell_needs(calculation: Calculation, output: Output, as_json: bool) -> int:
    """Print memory, time and file names.

    Raises
    ------
    MemoryLimitError
        If it would not fit.
    BackendError
        If the backend is not usable.
    """
    from ..solvers.memory import SHARE, available_memory, readable

    if calculation.backend is not None:
        from ..simulation.backend import get_backend

        get_backend(calculation.backend)
    try:
        estimates = calculation.estimates()
    except OverflowError:
        raise MemoryLimitError("needs more memory than a number can tell: it would not fit") from None
    memory = max((item["memory"] for item in estimates), default=0.0)
    time = sum(item["seconds"] for item in estimates)
    free = available_memory()
    fits = memory <= SHARE * free
    files: dict[str, Path | None] = {"file": output.path, "figure": output.figure_path}
    model = calculation.model
    if as_json:
        content = {"model": model.slug, "parameters": model.as_dict(), "method": calculation.method}
        needs = {"memory": memory, "memory_available": free, "seconds": time, "fits": fits}
        print_json({**content, **needs, **{what: path and str(path) for what, path in files.items()}})
    else:
        rows = [
            ("memory", f"{readable(memory)} of {readable(free)} available"),
            ("time", f"about {seconds(time)}"),
            *((what, str(path)) for what, path in files.items() if path is not None),
        ]
        click.echo("\n".join([f"dmft {calculation.command} {model.slug} would need", *table(rows)]))
    if not fits:
        raise MemoryLimitError(f"needs {readable(memory)} of memory, {readable(free)} are free: it would not fit")
    return 0

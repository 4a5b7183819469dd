"""What a worker does with one task: calculate it, write figures and the HDF5 file, tell the parent how it went."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from ..api import compare, load, simulate, solve
from ..errors import DMFTError, FileFormatError, MemoryLimitError, OutputError
from ..results.atomic import write_bytes
from ..results.figures import render, save_figure
from ..results.phase import PhaseDiagram
from ..results.provenance import package_version
from ..results.run import Run
from ..results.status import INTERRUPTED
from ..sweeps.store import Store
from ..sweeps.sweep import sweep

#: Resolution of pictures, dots per inch: sharp on a screen, small enough to be embedded.
DPI = 120


def run_task(told: Mapping[str, Any]) -> bytes:
    """Do a task that :meth:`dmft.reproduction.plan.Job.point` describes.

    Returns
    -------
    bytes
        JSON: ``{}``, or ``{"disk": message}`` where files cannot be written, which concerns all tasks.

    Raises
    ------
    DMFTError
        If this process has another version of the package, or the calculation refuses its parameters.
    """
    if told["version"] != package_version():
        raise DMFTError(f"this worker has dmft {package_version()}, its parent {told['version']}: update one of them")
    import_module(told["module"])  # a model that is not among those found by themselves
    folder = Path(told["folder"])
    path = run_path(folder, told["stem"])
    try:
        result = _calculate(told, path)
        if result.status.code == INTERRUPTED:
            raise KeyboardInterrupt
        draw(result, folder, told["stem"])
        result.with_command(shlex.join(told["words"])).save(path, force=True)  # last: it says that all is there
    except OutputError as error:
        return json.dumps({"disk": str(error)}).encode()
    return b"{}"


def _calculate(told: Mapping[str, Any], path: Path) -> Run | PhaseDiagram:
    slug, options = told["slug"], told["options"]
    if told["command"] == "sweep":
        groups = [group.split(",") for group in told["zipped"]]
        work = part_path(path)
        work.unlink(missing_ok=True)  # points are kept beside it: with them a killed sweep goes on
        diagram = sweep(slug, told["over"], work, kind=told["kind"], zipped=groups, jobs=1, **options)
        Store(work).remove()
        work.unlink()
        return diagram
    command = {"solve": solve, "simulate": simulate, "compare": compare}[told["command"]]
    return command(slug, **options)


def draw(result: Run | PhaseDiagram, folder: Path, stem: str) -> None:
    """The figure as PDF and PNG, if there is anything to draw."""
    if isinstance(result, PhaseDiagram) and not (result.scalars or result.observables):
        return
    figure = result.plot()
    pdf, png = figure_paths(folder, stem)
    save_figure(figure, pdf)
    write_bytes(png, render(figure, ".png", dpi=DPI))


def run_path(folder: Path, stem: str) -> Path:
    """The file of results of a task."""
    return folder / "runs" / f"{stem}.h5"


def part_path(path: Path) -> Path:
    """The output of a sweep that is at work, by its file of results."""
    return path.with_name(f"{path.stem}.part.h5")


def figure_paths(folder: Path, stem: str) -> tuple[Path, Path]:
    """PDF and PNG of a task."""
    return folder / "figures" / f"{stem}.pdf", folder / "figures" / f"{stem}.png"


def finished(folder: Path, stem: str) -> Run | PhaseDiagram | None:
    """The result of a task that is done already; None if there is none, or one that cannot be read."""
    try:
        result = load(run_path(folder, stem))
    except (FileFormatError, MemoryLimitError):  # a damaged one may claim any size
        return None
    return None if result.status.code == INTERRUPTED else result

"""``dmft info``: what is in a file, or what this machine offers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .group import check_threads
from .report import print_json, run_lines, run_object, seconds, sweep_lines, sweep_object, table

if TYPE_CHECKING:
    from ..results.phase import PhaseDiagram
    from ..results.run import Run


@click.command(name="info", short_help="Summarise a file, or this machine.")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.option("-v", "--verbose", is_flag=True, help="A traceback for unexpected errors.")
def command(file: Path | None, as_json: bool, verbose: bool) -> int:
    """Summarise FILE; without FILE tell versions, threads, memory, backends and cache of this machine."""
    if file is None:
        check_threads()
        facts = machine()
        if as_json:
            print_json(facts)
        else:
            click.echo("\n".join(table([(name, _text(value)) for name, value in facts.items()], indent=0)))
        return 0
    from ..api import load
    from ..results.run import Run

    run = load(file)
    if not isinstance(run, Run):
        if as_json:
            print_json({**sweep_object(run, file), "provenance": run.provenance})
        else:
            click.echo("\n".join(sweep_file_lines(run)))
    elif as_json:
        print_json({**run_object(run, file), "provenance": run.provenance})
    else:
        click.echo("\n".join(file_lines(run)))
    return 0


def file_lines(run: Run) -> list[str]:
    """One screen about a run."""
    lines = [*run_lines(run, _title(run)), ""]
    for part in ("theory", "simulation"):
        solution = getattr(run, part)
        if solution is not None:
            curves = [f"{name}({', '.join(curve.dims)})" for name, curve in solution.items() if curve.dims]
            lines += _wrapped(part, curves)
    return lines + _origin(run)


def sweep_file_lines(diagram: PhaseDiagram) -> list[str]:
    """One screen about a phase diagram."""
    lines = [*sweep_lines(diagram, _title(diagram)), ""]
    for part in ("theory", "simulation", "comparison"):
        solution = getattr(diagram, part)
        if solution is not None:
            lines += _wrapped(part, [f"{name}({', '.join(curve.dims)})" for name, curve in solution.items()])
    for failure in diagram.failures[:5]:
        where = ",".join(f"{name}={value}" for name, value in failure["point"].items())
        lines += _wrapped("failed", [where, *str(failure["error"]).split()])
    return lines + _origin(diagram)


def _origin(run: Run | PhaseDiagram) -> list[str]:
    """Parameters, options and where a result comes from."""
    facts = run.provenance
    lines = _wrapped("parameters", [f"{name}={value}" for name, value in run.parameters.items()])
    lines += _wrapped("method", [f"{name}={value}" for name, value in run.method.items()])
    versions = facts.get("versions", {})
    lines += _wrapped("versions", [f"{name} {value}" for name, value in versions.items()])
    lines += _wrapped("made", [f"{facts.get('created', 'unknown')} in {seconds(facts.get('wall_time', 0.0))}"])
    lines += _wrapped("command", [facts.get("command") or "from Python"])
    return lines + [line for source in run.references for line in _wrapped("reference", source.split())]


def _title(run: Run | PhaseDiagram) -> str:
    from ..errors import UnknownNameError
    from ..theory.registry import find

    try:
        return find(run.model).title
    except UnknownNameError:  # a plug-in's model that is not installed here
        return "a model that is not installed here"


def _wrapped(label: str, words: list[str], width: int = 100) -> list[str]:
    """Words after a label, continued on indented lines; no word is split."""
    lines, line = [], f"{label:<12}"
    for word in words:
        if len(line) + len(word) > width and line.strip():
            lines.append(line.rstrip())
            line = " " * 12
        line += word + " "
    return [*lines, line.rstrip()]


def machine() -> dict[str, Any]:
    """Versions, threads, memory, backends and cache."""
    import numba

    from .. import __version__
    from ..results.provenance import provenance
    from ..solvers.memory import available_memory, readable

    origin = provenance(0.0)
    return {
        "dmft": __version__,
        "versions": {name: value for name, value in origin["versions"].items() if name != "dmft"},
        "platform": origin["platform"],
        "cores": os.cpu_count(),
        "threads": int(numba.config.NUMBA_NUM_THREADS),
        "memory": readable(available_memory()) + " available",
        "backends": {name: _backend(name) for name in ("numpy", "cupy")},
        "cache": str(numba.config.CACHE_DIR or Path(__file__).parents[1] / "*" / "__pycache__"),
        "package": str(Path(__file__).parents[1]),
    }


def _backend(name: str) -> str:
    from ..errors import BackendError
    from ..simulation.backend import get_backend

    try:
        get_backend(name)
    except BackendError as error:
        return str(error)
    return "usable"


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {item}" for name, item in value.items())
    return str(value)

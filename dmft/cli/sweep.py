"""``dmft sweep``: a model at many points."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import MemoryLimitError, ParameterError, UnknownNameError
from .console import Console
from .model_command import ModelCommand, Selection, Values
from .options import PREFIX, common_options, complete_key, complete_slug
from .output import Output, check_path, plan_output, write_figure
from .report import print_json, seconds, sweep_lines, sweep_object, table

if TYPE_CHECKING:
    from ..results.phase import PhaseDiagram
    from ..sweeps.plan import Plan

KINDS = ("theory", "simulation", "comparison")
#: Keys of the table [sweep] of a config file.
KEYS = ("kind", "zip")


@click.command(
    name="sweep", short_help="Solve or simulate a model at many points.", cls=ModelCommand,
    parts=("parameters", "method", "simulation"),
    helps={"size": ("N[,N,…]", "N: {meaning}; several for --kind comparison")},
)  # fmt: skip
@click.argument("slug", required=False, shell_complete=complete_slug)
@click.option(
    "--over", multiple=True, metavar="NAME=VALUES", shell_complete=complete_key,
    help="Sweep NAME over FIRST:LAST:NUMBER, log:FIRST:LAST:NUMBER or VALUE,VALUE,…; may be repeated.",
)  # fmt: skip
@click.option("--zip", "zipped", multiple=True, metavar="NAME,NAME", help="Sweep these names together.")
@click.option("--kind", type=click.Choice(KINDS), help="What is done at each point (default theory).")
@click.option("--jobs", type=click.IntRange(1, 4096), metavar="N", help="Local processes (default: the cores).")
@click.option("--dask", metavar="ADDRESS", help="Use this Dask scheduler; 'local': a cluster of --jobs processes.")
@click.option("--shard", metavar="I/N", help="Do only the I-th of N parts, for job arrays.")
@click.option("--adaptive", is_flag=True, help="Put further points where the observable changes most.")
@click.option("--points", type=int, metavar="N", help="Points of --adaptive in all (default: twice the grid).")
@click.option("--observable", metavar="NAME", help="What --adaptive looks at (default: the first scalar).")
@common_options
@click.pass_obj
def command(command_line: str, selection: Selection, values: Values, **options: Any) -> int:
    """Solve the model SLUG (default: sgd) at all points of a grid, in parallel; write one phase diagram.

    Finished points are kept in a folder beside the output: the same command again does only what is missing.
    Exit code 5: some points failed; the others are written.

    Example: dmft sweep sgd/ridge --over alpha=0.5:4:15 --over batch_fraction=.1,.3,1 -o phase.h5
    """
    from ..sweeps.executor import make_executor, parse_shard
    from ..sweeps.sweep import carry_out

    console = Console(options["quiet"], options["verbose"])
    console.filter_warnings()
    plan = make_plan(selection, values, options)
    explorer = make_explorer(plan, options)
    executor = make_executor(options["jobs"], options["dask"])
    shard = parse_shard(options["shard"])
    stem = plan.model.slug.replace("/", "-") + "-sweep"
    output = plan_output(options["name"], stem, plan.contents, figure=options["figure"], force=options["force"])
    if options["dry_run"]:
        return tell_needs(plan, output.path, options)
    tell_warnings(plan, console)
    if output.figure_path is not None:
        # a figure beside the file of this sweep is an earlier stage of it
        ours = output.path.exists() or not output.named
        check_path(output.figure_path, replace=options["force"] or ours)
    if options["dask"] is None:
        check_needs(plan, options)
    with console.bar() as progress:
        diagram = carry_out(
            plan, output.path, executor, shard=shard, explorer=explorer, force=options["force"], progress=progress,
            command=command_line,
        )  # fmt: skip
    return deliver(diagram, plan.model.title, output, console, shard, as_json=options["as_json"])


def deliver(
    diagram: PhaseDiagram, title: str, output: Output, console: Console, shard: tuple[int, int] | None, *, as_json: bool
) -> int:
    """Draw and report a phase diagram; the exit code."""
    unfinished_shard = shard is not None and diagram.counts["missing"] > 0
    file = None if unfinished_shard else output.path
    error, figure = (None, None) if file is None else draw(diagram, output.figure_path)
    if as_json:
        print_json(sweep_object(diagram, file))
    else:
        rows = [(what, str(path)) for what, path in (("file", file), ("figure", figure)) if path is not None]
        click.echo("\n".join([*sweep_lines(diagram, title), *(["", *table(rows)] if rows else [])]))
    for failure in diagram.failures[:3]:
        where = ", ".join(f"{name}={value}" for name, value in failure["point"].items())
        console.warn(f"failed at {where}: {failure['error']}")
    if error is not None:
        raise error
    if unfinished_shard and not diagram_interrupted(diagram, shard):
        return 5 if diagram.counts["failed"] else 0
    return diagram.status.exit_code


def diagram_interrupted(diagram: PhaseDiagram, shard: tuple[int, int] | None) -> bool:
    """True if points of this shard itself are missing."""
    assert shard is not None
    return bool((diagram.states.ravel()[shard[0] - 1 :: shard[1]] == 0).any())


def draw(diagram: PhaseDiagram, path: Path | None) -> tuple[Exception | None, Path | None]:
    """The figure, if there is anything to draw; an error is returned: the numbers must still be shown."""
    if path is None or (not diagram.scalars and not diagram.observables):
        return None, None
    try:
        write_figure(diagram, path)
    except Exception as error:  # whatever it is
        return error, None
    return None, path


def make_plan(selection: Selection, values: Values, options: dict[str, Any]) -> Plan:
    """The plan from config file and options.

    Raises
    ------
    ParameterError
        For a value that has no effect, or one that is fixed and swept.
    """
    from ..sweeps.plan import find_declaration, parts_of
    from ..sweeps.sweep import plan_of

    config = selection.config
    for key in config.sweep:
        if key not in KEYS:
            raise UnknownNameError(f"key in [sweep] of {config.name}", key, KEYS)
    kind = options["kind"] or config.sweep.get("kind", KINDS[0])
    groups = list(options["zipped"]) or config.sweep.get("zip", [])
    if not isinstance(groups, list):
        raise ParameterError(
            f'zip = {groups!r} in {config.name} is not allowed: give a list, e.g. zip = ["alpha,ridge"]'
        )
    over = {name.replace("-", "_"): given for name, given in config.over.items()}
    given = [parse_over(text) for text in options["over"]]
    names = [name for name, _ in given]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ParameterError(f"--over {twice[0]} is given twice: give all its values at once, e.g. {twice[0]}=1,2,3")
    over |= dict(given)
    context = click.get_current_context()
    typed = [name[len(PREFIX) :] for name in context.meta.get("dmft.given", ()) if name.startswith(PREFIX)]
    for name in typed:
        find_declaration(selection.model, kind, name)  # an option without effect is an error
        if name in over:
            raise ParameterError(
                f"{name} is both swept and fixed: leave out --over {name} or --{name.replace('_', '-')}"
            )
    fixed = {
        part: {name: value for name, value in values[part].items() if name not in over}
        for part in parts_of(selection.model, kind)
    }
    return plan_of(selection.model, kind, over, [split_names(group) for group in groups], fixed)


def parse_over(text: str) -> tuple[str, str]:
    """Name and values of ``--over``."""
    name, equals, given = text.partition("=")
    if not equals or not name.strip() or not given.strip():
        raise ParameterError(
            f"--over {text} is not allowed: give NAME=FIRST:LAST:NUMBER, NAME=log:FIRST:LAST:NUMBER or NAME=V1,V2,…, "
            "e.g. --over alpha=0.5:4:15"
        )
    return name.strip().replace("-", "_"), given


def split_names(group: Any) -> list[str]:
    """Names of one zipped group."""
    words = group.split(",") if isinstance(group, str) else list(group)
    return [str(word).strip().replace("-", "_") for word in words]


def make_explorer(plan: Plan, options: dict[str, Any]) -> Any:
    """The chooser of points of ``--adaptive``, or None."""
    if not options["adaptive"]:
        for name in ("points", "observable"):
            if options[name] is not None:
                raise ParameterError(f"--{name} has no effect without --adaptive: leave it out")
        return None
    from ..sweeps.adaptive import Adaptive
    from ..sweeps.axes import grid

    return Adaptive(plan, options["points"] or 2 * len(grid(plan.axes)), options["observable"])


def tell_warnings(plan: Plan, console: Console) -> None:
    """Sentences of the models about their parameters, each once."""
    from ..sweeps.axes import grid
    from ..sweeps.sweep import model_warnings

    for sentence in model_warnings(plan, plan.points(grid(plan.axes))):
        console.warn(sentence)


def check_needs(plan: Plan, options: dict[str, Any]) -> dict[str, float]:
    """Needs of the grid with the local workers.

    Raises
    ------
    MemoryLimitError
        If they do not fit into the memory together.
    """
    from ..solvers.memory import SHARE, available_memory, readable
    from ..sweeps.estimate import estimate
    from ..sweeps.executor import job_count

    needs = estimate(plan, job_count(options["jobs"]))
    free = available_memory()
    if needs["memory"] > SHARE * free and not options["dry_run"]:
        raise MemoryLimitError(
            f"{needs['workers']:.0f} workers need {readable(needs['memory'])} of memory, {readable(free)} are free: "
            "try fewer --jobs"
        )
    return {**needs, "memory_available": free, "fits": needs["memory"] <= SHARE * free}


def tell_needs(plan: Plan, path: Path, options: dict[str, Any]) -> int:
    """Print points, memory and time; nothing is calculated."""
    from ..solvers.memory import readable

    needs = check_needs(plan, options)
    if options["as_json"]:
        content = {"model": plan.model.slug, "kind": plan.kind, "parameters": plan.constants["parameters"]}
        print_json({**content, "axes": axes_object(plan), **needs, "file": str(path)})
    else:
        rows = [
            *((", ".join(axis.names), f"{len(axis)} values") for axis in plan.axes),
            ("points", f"{needs['points']:.0f}"),
            ("memory", f"{readable(needs['memory'])} of {readable(needs['memory_available'])} available, "
             f"{needs['workers']:.0f} workers"),
            ("time", f"about {seconds(needs['seconds'])}"),
            ("file", str(path)),
        ]  # fmt: skip
        click.echo("\n".join([f"dmft sweep {plan.model.slug} ({plan.kind}) would need", *table(rows)]))
    if not needs["fits"]:
        raise MemoryLimitError("the workers would not fit into the memory together: try fewer --jobs")
    return 0


def axes_object(plan: Plan) -> dict[str, list[Any]]:
    """Values of every swept name."""
    return {
        name: [row[position] for row in axis.rows] for axis in plan.axes for position, name in enumerate(axis.names)
    }

"""The public function: plan the points, do those that are missing, put all together."""

from __future__ import annotations

import os
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..api import parse_sizes, split
from ..errors import FileFormatError, ModelWarning, OutputError, ParameterError
from ..results.phase import PhaseDiagram
from ..results.progress import SILENT, Progress
from ..theory.registry import DEFAULT_SLUG, find
from . import axes as axis_module
from .executor import Executor, make_executor, parse_shard
from .local import Outcome
from .merge import merge
from .plan import Plan, Point, Values, default_sizes, find_declaration, parts_of
from .store import Store
from .work import Record, unpack

EXAMPLE = "give one or more, e.g. --over alpha=0.5:4:15"


@dataclass
class Sweep:
    """The state of a sweep at work: what is finished, what failed."""

    plan: Plan
    store: Store
    executor: Executor
    progress: Progress = SILENT
    records: dict[str, Record] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    def look(self, points: Sequence[Point]) -> None:
        """Read what is finished already."""
        for point in points:
            record = self.store.read(point)
            if record is not None:
                self.records[point.name] = record

    def do(self, points: Sequence[Point]) -> None:
        """Calculate points and keep them one by one; a failed one is recorded, and the others go on."""
        missing = [point for point in points if point.name not in self.records]
        self.store.forget_errors(missing)
        label, failed = f"sweeping {self.plan.model.slug}", 0
        self.progress.start(label, float(len(missing)))
        try:
            for point, outcome in self._outcomes(missing):
                if isinstance(outcome, bytes):
                    self.records[point.name] = unpack(outcome)
                    self.store.write(point, outcome)
                else:
                    failed += 1
                    self.errors[point.name] = outcome
                    self.store.write_error(point, outcome)
                    self.progress.relabel(f"{label}, {failed} failed")
                self.progress.update(1.0)
        finally:
            self.progress.finish()

    def _outcomes(self, missing: list[Point]) -> Iterator[tuple[Point, Outcome]]:
        yield from ((point, point.refused) for point in missing if point.refused)
        able = [point for point in missing if not point.refused]
        if able:
            with closing(self.executor(able)) as outcomes:
                yield from outcomes

    def gather(self, points: Sequence[Point]) -> bool:
        """Read what other shards have done; true if every point is there or has failed."""
        for point in points:
            if point.name in self.records or point.name in self.errors:
                continue
            record, error = self.store.read(point), self.store.error(point)
            if record is not None:
                self.records[point.name] = record
            elif error is not None:
                self.errors[point.name] = error
        return all(point.name in self.records or point.name in self.errors for point in points)


def sweep(
    model: str = DEFAULT_SLUG,
    over: Mapping[str, Any] | None = None,
    output: str | os.PathLike[str] | None = None,
    *,
    kind: str = "theory",
    zipped: Sequence[Sequence[str]] = (),
    jobs: int | None = None,
    dask: str | None = None,
    shard: str | None = None,
    adaptive: int | None = None,
    observable: str | None = None,
    force: bool = False,
    progress: Progress = SILENT,
    **fixed: Any,
) -> PhaseDiagram:
    """Calculate a model at every point of a grid, or at points that find a transition by themselves.

    Parameters
    ----------
    model : str
        Slug.
    over : dict
        Name of a parameter or option and its values: ``(first, last, number)``, ``"log:0.1:10:9"``, or a list.
    output : path, optional
        The HDF5 file. Finished points are kept in a folder beside it, so the same call again calculates only what is
        missing. Without a file nothing is kept.
    kind : {"theory", "simulation", "comparison"}
        What is done at each point.
    zipped : sequence of sequences of str
        Names that vary together, e.g. ``[("alpha", "ridge")]``.
    jobs : int, optional
        Local processes, one thread each; default: the cores.
    dask : str, optional
        Address of a Dask scheduler, or ``"local"`` for a cluster of `jobs` processes (extra ``cluster``).
    shard : str, optional
        ``"i/n"``: only the i-th of n parts; whoever finds all points finished writes `output`.
    adaptive : int, optional
        Total number of points: the grid is the start, further points go where `observable` changes most (extra
        ``adaptive``).
    observable : str, optional
        What `adaptive` looks at; default: the first scalar.
    force : bool
        Throw away what another sweep, or this one, has left at `output`.
    progress : Progress, optional
        Receives what has been done.
    **fixed
        Parameters and options that are the same at all points, as in :func:`dmft.solve`. The seed of each point is
        a function of `seed` and the point's own parameters.

    Returns
    -------
    PhaseDiagram

    Raises
    ------
    ParameterError, UnknownNameError, StoreError, OutputError, WorkerError

    Examples
    --------
    >>> diagram = sweep("sgd/ridge", {"alpha": (1.0, 3.0, 3), "batch_fraction": [0.3, 1.0]}, steps=10, jobs=1)
    >>> diagram["final_norm"].dims, diagram["final_norm"].values.shape
    (('alpha', 'batch_fraction'), (3, 2))
    """
    plan = make_plan(model, over or {}, kind, zipped, fixed)
    with tempfile.TemporaryDirectory() if output is None else nullcontext("") as folder:
        path = Path(folder) / "phase.h5" if output is None else Path(output)
        executor = make_executor(jobs, dask)
        part = parse_shard(shard)
        if adaptive is not None:
            from .adaptive import Adaptive

            explorer = Adaptive(plan, adaptive, observable)
        else:
            explorer = None
            if observable is not None:
                raise ParameterError(f"observable = {observable!r} has no effect without adaptive: leave it out")
        return carry_out(plan, path, executor, shard=part, explorer=explorer, force=force, progress=progress)


def make_plan(
    model: str, over: Mapping[str, Any], kind: str, groups: Sequence[Sequence[str]], fixed: Mapping[str, Any]
) -> Plan:
    """The plan of :func:`sweep`'s arguments."""
    cls = find(model)
    parts = parts_of(cls, kind)
    for name in fixed:
        find_declaration(cls, kind, name, "parameter or option")
    values = dict(zip(parts, split(fixed, *parts.values()), strict=True))
    return plan_of(cls, kind, over, groups, values)


def plan_of(cls: Any, kind: str, over: Mapping[str, Any], groups: Sequence[Sequence[str]], fixed: Values) -> Plan:
    """A checked plan from values by part.

    Raises
    ------
    ParameterError, UnknownNameError
    """
    if not isinstance(over, Mapping):
        raise ParameterError(f"over = {over!r} is not allowed: give names with their values, {{'alpha': (0.5, 4, 15)}}")
    if not over:
        raise ParameterError(f"no parameter to sweep over: {EXAMPLE}")
    lines = [axis_module.parse(name, given, find_declaration(cls, kind, name)) for name, given in over.items()]
    for name in over:
        if any(name in values for values in fixed.values()):
            raise ParameterError(f"{name} is both swept and fixed: leave one of the two out")
    axes = axis_module.zipped(lines, groups)
    sizes: tuple[int, ...] = ()
    if kind != "theory" and "size" not in over:
        simulation = dict(fixed.get("simulation", {}))
        size = simulation.pop("size", None) or default_sizes(cls, axes, fixed)
        if kind == "comparison":
            sizes = tuple(parse_sizes(size))
        else:
            simulation["size"] = size[-1] if isinstance(size, tuple) else size
        fixed = {**fixed, "simulation": simulation}
    plan = Plan(cls, kind, axes, fixed, sizes)
    plan.check()
    return plan


def carry_out(
    plan: Plan,
    path: Path,
    executor: Executor,
    *,
    shard: tuple[int, int] | None = None,
    explorer: Any = None,
    force: bool = False,
    progress: Progress = SILENT,
    command: str = "",
) -> PhaseDiagram:
    """Do what is missing and write `path`; on Ctrl-C write what there is."""
    started = time.perf_counter()
    points = plan.points(axis_module.grid(plan.axes))
    for sentence in model_warnings(plan, points):
        warnings.warn(sentence, ModelWarning, stacklevel=3)
    if shard is not None and explorer is not None:
        raise ParameterError("shard and adaptive exclude each other: where points go depends on all points before")
    store = Store(path)
    if not store.folder.exists():
        check_output(path, plan, force)  # before a folder is made
    with closing(executor), store.opened(plan, shard, force):
        check_output(path, plan, force)
        work = Sweep(plan, store, executor, progress)
        work.look(points)
        mine = points if shard is None else points[shard[0] - 1 :: shard[1]]
        interrupted = False
        try:
            work.do(mine)
            if explorer is not None:
                points = explorer.explore(work, points)
        except KeyboardInterrupt:
            interrupted = True
        if explorer is not None and interrupted:
            points = explorer.known(points)
        everything = work.gather(points)
        diagram = merge(
            plan, points, work.records, work.errors, time.perf_counter() - started, scattered=explorer is not None
        )
        diagram = diagram.with_command(command)
        if everything or shard is None:
            diagram.save(path, force=True)
    return diagram


def model_warnings(plan: Plan, points: Sequence[Point]) -> list[str]:
    """Sentences of the models about their parameters, each once, three at most."""
    told = dict.fromkeys(
        sentence
        for point in points
        if not point.refused
        for sentence in plan.model.from_dict(point.task["parameters"]).warnings()
    )
    return list(told)[:3]


def check_output(path: Path, plan: Plan, force: bool) -> None:
    """Raise OutputError unless `path` is free, or holds an earlier stage of this sweep."""
    if path.suffix not in (".h5", ".hdf5"):
        raise ParameterError(f"output {path} is not allowed: results are HDF5, give a name that ends in .h5")
    if not path.parent.is_dir():
        raise OutputError(f"folder {path.parent} does not exist: make it first, or give another name with -o")
    if not os.path.lexists(path) or (force and path.is_file()):
        return
    try:
        earlier = PhaseDiagram.load(path).identity
    except FileFormatError:
        earlier = ""
    if earlier != plan.identity:
        raise OutputError(
            f"{path} exists and is not of this sweep: give another name with -o, or --force to replace it"
        )

"""The public functions: solve, simulate, compare, load, models."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import ModelWarning, ParameterError, UnknownNameError
from .parameters import Declared
from .results.comparison import compare_solutions
from .results.progress import SILENT, Progress
from .results.provenance import provenance
from .results.run import Run
from .results.solution import Solution
from .results.status import DIVERGED, INTERRUPTED, Status
from .simulation.method import Simulation
from .theory.base import Model
from .theory.registry import DEFAULT_SLUG, find

if TYPE_CHECKING:
    from .results.phase import PhaseDiagram


def split(options: Mapping[str, Any], *declared: type[Declared]) -> list[dict[str, Any]]:
    """Hand each option to every class that declares it.

    Raises
    ------
    UnknownNameError
        If nobody declares it; the nearest name is suggested.
    """
    names = [{item.name for item in cls.declared()} for cls in declared]
    known = set().union(*names)
    for name in options:
        if name not in known:
            raise UnknownNameError("parameter or option", name, known)
    return [{name: options[name] for name in options if name in mine} for mine in names]


def make(model: str | Model, methods: Sequence[Any], options: Mapping[str, Any]) -> list[Any]:
    """Instances of the model and of each method (a class to be made from `options`, or an instance)."""
    classes: list[type[Declared]] = [item for item in methods if isinstance(item, type)]
    if isinstance(model, Model):
        parts = [{}, *split(options, *classes)]
        made: list[Any] = [model]
    else:
        cls = find(model)
        parts = split(options, cls, *classes)
        made = [cls.from_dict(parts[0])]
    rest = iter(parts[1:])
    for sentence in made[0].warnings():
        warnings.warn(sentence, ModelWarning, stacklevel=3)
    for item in methods:
        made.append(item.from_dict(next(rest)) if item in classes else item)
    return made


def timed(task: Callable[[], Solution]) -> Solution:
    """The solution, with the seconds that it took among its diagnostics."""
    started = time.perf_counter()
    found = task()
    return replace(found, diagnostics={**found.diagnostics, "seconds": time.perf_counter() - started})


def solution_run(model: Model, seconds: float, **parts: Any) -> Run:
    """Wrap solutions of `model` as a :class:`Run`."""
    return Run(
        model.slug,
        model.as_dict(),
        changed=model.changed(),
        references=model.references,
        figure=model.figure,
        provenance=provenance(seconds),
        **parts,
    )


def solve(
    model: str | Model = DEFAULT_SLUG, method: Declared | None = None, *, progress: Progress = SILENT, **options: Any
) -> Run:
    """Solve the theory of a model.

    Parameters
    ----------
    model : str or Model
        Slug (parameters are then taken from `options`) or an instance.
    method : Declared, optional
        Options of the solver; default: made from `options`.
    progress : Progress, optional
        Receives what has been done.
    **options
        Parameters of the model and options of its method by name.

    Returns
    -------
    Run
        With :attr:`Run.theory` set.

    Raises
    ------
    ParameterError, UnknownNameError, MemoryLimitError

    Examples
    --------
    >>> run = solve("sgd", alpha=2.0, steps=10, paths=2048, seed=1)
    >>> run.status.code
    'converged'
    """
    cls = type(model) if isinstance(model, Model) else find(model)
    made, solver = make(model, [_checked(method, cls.method)], options)
    started = time.perf_counter()
    theory = timed(lambda: made.solve(solver, progress))
    return solution_run(made, time.perf_counter() - started, theory=theory)


def simulate(
    model: str | Model = DEFAULT_SLUG, method: Simulation | None = None, *, progress: Progress = SILENT, **options: Any
) -> Run:
    """Simulate the same problem at finite size; parameters as in :func:`solve`.

    Examples
    --------
    >>> run = simulate("sgd", alpha=2.0, size=200, replicas=4, steps=10, seed=1)
    >>> run["magnetization"].dims
    ('t',)
    """
    made, chosen = make(model, [_checked(method, Simulation)], options)
    if method is None and "size" not in options:
        chosen = replace(chosen, size=made.default_sizes()[-1])
    started = time.perf_counter()
    simulation = timed(lambda: twin(made).simulate(made, chosen, progress))
    return solution_run(made, time.perf_counter() - started, simulation=simulation)


def compare(
    model: str | Model | Run = DEFAULT_SLUG,
    method: Declared | None = None,
    *,
    size: int | Iterable[int] | None = None,
    progress: Progress = SILENT,
    **options: Any,
) -> Run:
    """Solve the theory, simulate the same problem at one or several sizes, and judge their agreement.

    Parameters
    ----------
    model : str, Model or Run
        A run with theory is not solved again.
    size : int or iterable of int, optional
        Numbers of weights; with several the deviation is extrapolated to infinite size. Default: the sizes of the
        model, most often 500, 1000 and 2000.

    Returns
    -------
    Run
        Theory, the simulation at the largest size, and :attr:`Run.comparison`. After Ctrl-C the sizes that were
        complete are compared, and the simulation is the largest of them, with the status ``interrupted``.

    Examples
    --------
    >>> run = compare("sgd", alpha=2.0, size=[200, 400], replicas=4, steps=5, paths=512)
    >>> run.comparison.sizes
    (200, 400)
    """
    given = None if size is None else parse_sizes(size)
    started = time.perf_counter()
    theory: Solution | None = None
    if isinstance(model, Run):
        theory = model.theory
        made = _model_of(model, options)
        solver = [made.method] if theory is None else []
        _, simulation, *rest = make(made, [Simulation, *solver], options)
        method = rest[0] if rest else None
    else:
        cls = type(model) if isinstance(model, Model) else find(model)
        wanted = [_checked(method, cls.method), Simulation]
        made, method, simulation = make(model, wanted, options)
    sizes = given or made.default_sizes()
    if theory is None:
        theory = timed(lambda: made.solve(method, progress))
    if theory.status.code in (INTERRUPTED, DIVERGED):  # Ctrl-C means all of it; nothing agrees with divergence
        return solution_run(made, time.perf_counter() - started, theory=theory)
    simulations: dict[int, Solution] = {}
    for number in sizes:
        chosen = replace(simulation, size=number)
        try:
            simulations[number] = timed(partial(twin(made).simulate, made, chosen, progress))
        except KeyboardInterrupt:  # before it had anything to keep
            status = Status(INTERRUPTED, f"interrupted at N = {number} before anything was finished: run again")
            simulations[number] = Solution({}, {}, status, method=chosen.as_dict())
        if not simulations[number].status.success:
            break
    comparison = compare_solutions(theory, simulations)
    shown = _shown(simulations)
    return solution_run(made, time.perf_counter() - started, theory=theory, simulation=shown, comparison=comparison)


def _shown(simulations: Mapping[int, Solution]) -> Solution:
    """The simulation at the largest size; after an interrupt at the largest complete one, if there is any."""
    last = max(simulations)
    complete = [size for size, item in simulations.items() if item.status.success]
    if simulations[last].status.code != INTERRUPTED or not complete:
        return simulations[last]
    words = ", ".join(map(str, complete))
    message = f"interrupted at N = {last}: what is complete is kept, N = {words}; run again for the rest"
    return replace(simulations[max(complete)], status=Status(INTERRUPTED, message))


def _checked(method: Any, cls: type[Declared]) -> Any:
    """`method` if it is of class `cls`; the class itself, to be made from options, if there is none."""
    if method is None:
        return cls
    if not isinstance(method, cls):
        raise ParameterError(f"method = {method!r} is not allowed: give a {cls.__name__}, or its options by name")
    return method


def _model_of(run: Run, options: dict[str, Any]) -> Model:
    """The model of a run; a loss of one's own is not in the run and must be among the options."""
    cls, parameters = find(run.model), dict(run.parameters)
    for name, value in parameters.items():
        if isinstance(value, str) and value.startswith("own:"):
            if str(options.get(name)) != value:
                raise ParameterError(f"this run has {name} = {value!r} of its own: give it again, {name}=…")
            parameters[name] = options.pop(name)
    return cls.from_dict(parameters)


def parse_sizes(given: Any) -> list[int]:
    """Sizes in increasing order, from one number, several, or text such as ``"500,1000"``."""
    if isinstance(given, str):
        given = given.split(",")
    several = isinstance(given, Iterable) and getattr(given, "ndim", 1) > 0
    declared = next(item for item in Simulation.declared() if item.name == "size")
    sizes = sorted({declared.validate(item) for item in (given if several else [given])})
    if not sizes:
        raise ParameterError("size is empty: give one or several numbers of weights, e.g. 1000,2000")
    return sizes


def twin(model: Model) -> Any:
    """The simulation module of a model: ``simulate(model, method, progress)``, ``estimate(model, method)``."""
    name = model.twin_module()
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise ParameterError(f"model {model.slug!r} has no simulation: {name} does not exist") from None


def load(path: str | Path) -> Run | PhaseDiagram:
    """Read a run or a phase diagram from an HDF5 file.

    Raises
    ------
    FileFormatError
        If the file is truncated, foreign, incomplete or of a newer schema.
    """
    if not isinstance(path, (str, Path)):
        raise ParameterError(f"path = {path!r} is not allowed: give the name of a file")
    from .results.phase import PhaseDiagram
    from .results.phase_file import PHASE_SCHEMA, load_any

    schema, fields = load_any(path)
    return PhaseDiagram(**fields) if schema == PHASE_SCHEMA else Run(**fields)

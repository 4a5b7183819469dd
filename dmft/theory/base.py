"""What a model is. A model is a frozen dataclass: validated parameters + its equations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from ..parameters import Declared
from ..results.curve import Curve, Observable
from ..results.picture import Panel
from ..results.progress import Progress
from ..results.solution import Solution

if TYPE_CHECKING:
    from ..results.statistics import Moments


class Model(Declared):
    """Base of all models. Subclass it as a frozen dataclass and decorate it with ``@register``.

    Attributes
    ----------
    slug : str
        Name on the command line: ``family`` or ``family/variant``.
    title : str
        One line that says what is solved.
    references : tuple of str
        Sources, with arXiv number.
    observables : tuple of Observable
        Everything that theory and simulation may report: one declaration for both.
    figure : tuple of Panel
        What the figure of a run shows; those that a run has no data for are left out. Empty: the first curves and maps.
    method : type
        Declared dataclass with the options of this model's solver.
    sizes : tuple of int
        What `default_sizes` returns.
    size_means : str
        What the size of a simulation counts.
    twin : str or None
        Module with ``simulate(model, method, progress) -> Solution`` and ``estimate(model, method)``; by default the
        module of the same name in the sibling package ``simulation``.
    recipes : str or None
        Module with ``RECIPES``, what ``dmft reproduce`` does for the family of this model; by default the module
        of the family's name in the package ``recipes`` beside this module.
    """

    slug: ClassVar[str]
    title: ClassVar[str]
    references: ClassVar[tuple[str, ...]] = ()
    observables: ClassVar[tuple[Observable, ...]] = ()
    figure: ClassVar[tuple[Panel, ...]] = ()
    method: ClassVar[type[Declared]]
    sizes: ClassVar[tuple[int, ...]] = (500, 1000, 2000)
    size_means: ClassVar[str] = "number of weights"
    twin: ClassVar[str | None] = None
    recipes: ClassVar[str | None] = None

    def default_sizes(self) -> tuple[int, ...]:
        """Sizes at which a comparison simulates unless told otherwise, increasing; a simulation alone takes the last.

        Override it where the cost of a size depends on the parameters.
        """
        return self.sizes

    def solve(self, method: Any, progress: Progress) -> Solution:
        """Solve the equations of this model; `method` is an instance of :attr:`method`."""
        raise NotImplementedError

    def estimate(self, method: Any) -> dict[str, float]:
        """Predicted ``memory`` in bytes and ``seconds`` of :meth:`solve`."""
        return {"memory": 0.0, "seconds": 0.0}

    def warnings(self) -> tuple[str, ...]:
        """Sentences about parameters that are allowed but probably not what is meant."""
        return ()

    @classmethod
    def exact_curves(cls, values: Mapping[str, Any]) -> dict[str, Curve]:
        """Values by name as curves of the observables that this model declares, without standard errors."""
        return {name: cls.observable(name).curve(value) for name, value in values.items()}

    @classmethod
    def mean_curves(cls, moments: Moments) -> dict[str, Curve]:
        """Averages over paths or replicas as curves, with their standard errors."""
        return {name: cls.observable(name).curve(moments.mean(name), moments.stderr(name)) for name in moments}

    def finals(self, curves: Mapping[str, Curve]) -> dict[str, Curve]:
        """The scalars ``final_NAME`` that this model declares, as far as there are curves NAME."""
        known = {f"final_{name}": curve for name, curve in curves.items() if curve.values.size}
        return {
            item.name: item.curve(
                known[item.name].values[-1], None if (error := known[item.name].stderr) is None else error[-1]
            )
            for item in self.observables
            if item.name in known and item.name not in curves
        }

    def changed(self) -> dict[str, Any]:
        """Parameters that differ from the model's defaults, by symbol: what a figure's title must say."""
        mine, default = self.as_dict(), type(self)().as_dict()
        different = [item for item in self.declared() if mine[item.name] != default[item.name]]
        return {item.symbol or item.name: mine[item.name] for item in different}

    @classmethod
    def twin_module(cls) -> str:
        """Import path of the finite-size twin."""
        return cls.twin or cls.__module__.replace(".theory.", ".simulation.")

    @classmethod
    def recipes_module(cls) -> str:
        """Import path of the recipes of this model's family."""
        family = cls.slug.partition("/")[0].replace("-", "_")
        package = cls.__module__.rpartition(".")[0]
        return cls.recipes or ".".join(filter(None, (package, "recipes", family)))

    @classmethod
    def observable(cls, name: str) -> Observable:
        """The declaration of one observable."""
        return next(item for item in cls.observables if item.name == name)


#: Coefficients of the largest simulation that is done without being asked for a size: drawn and used in seconds.
COEFFICIENTS = 4e6


def sizes_for(order: float, factor: float = 1.0) -> tuple[int, ...]:
    """Three sizes for a comparison where a problem of size N has ``factor · N^order`` random coefficients."""
    largest = min(2000, int((COEFFICIENTS / factor) ** (1.0 / order)))
    return tuple(sorted({max(2, round(largest * part)) for part in (0.4, 0.6, 1.0)}))

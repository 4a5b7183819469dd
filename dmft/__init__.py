"""The numerical laboratory for the dynamics of learning.

``solve``, ``simulate``, ``compare``, ``sweep``, ``reproduce``, ``load``, ``models``, ``register``, ``reduce`` and the
words ``Run``, ``Panel``, ``Guide``, ``Loss``, ``DMFTError``.
Names are imported on first use, so ``import dmft`` and the command line start at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import compare, load, simulate, solve
    from .errors import DMFTError
    from .reproduction.reproduce import reproduce
    from .results.picture import Guide, Panel
    from .results.run import Run
    from .sweeps.sweep import sweep
    from .theory.losses import Loss
    from .theory.reduction import reduce
    from .theory.registry import models, register

__version__ = "0.1.0"

_HOME = {
    "solve": "api",
    "simulate": "api",
    "compare": "api",
    "load": "api",
    "sweep": "sweeps.sweep",
    "reproduce": "reproduction.reproduce",
    "models": "theory.registry",
    "register": "theory.registry",
    "reduce": "theory.reduction",
    "Guide": "results.picture",
    "Panel": "results.picture",
    "Run": "results.run",
    "Loss": "theory.losses",
    "DMFTError": "errors",
}
__all__ = [
    "DMFTError",
    "Guide",
    "Loss",
    "Panel",
    "Run",
    "__version__",
    "compare",
    "load",
    "models",
    "reduce",
    "register",
    "reproduce",
    "simulate",
    "solve",
    "sweep",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__

"""One name `xp` for NumPy on the CPU and CuPy on a CUDA GPU."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import BackendError
from ..solvers.ensemble import threads
from ..solvers.memory import available_memory, check_memory
from .method import Simulation


@dataclass(frozen=True)
class Backend:
    """An array library with what the simulations need beyond its arrays.

    Attributes
    ----------
    xp : module
        ``numpy`` or ``cupy``.
    workers : int
        Replicas to run side by side in threads: the cores of a CPU; one on a GPU, which is parallel itself.
    """

    xp: Any
    workers: int

    def to_host(self, array: Any) -> np.ndarray:
        """A NumPy array in float64 of a device array."""
        host = array if self.xp is np else self.xp.asnumpy(array)
        return np.asarray(host, dtype=np.float64)

    def free_memory(self) -> float:
        """Bytes that arrays of this backend can still take."""
        if self.xp is np:
            return available_memory()
        return float(self.xp.cuda.Device().mem_info[0])


def backend_for(method: Simulation, needs: Mapping[str, float], advice: str) -> Backend:
    """The backend that `method` asks for, if it has the memory that is needed.

    Raises
    ------
    BackendError
        As :func:`get_backend`.
    MemoryLimitError
        With `advice` on what to try.
    """
    backend = get_backend(method.backend)
    check_memory(needs["memory"], advice, backend.free_memory())
    return backend


def get_backend(name: str) -> Backend:
    """The backend of that name.

    Raises
    ------
    BackendError
        If CuPy is not installed or finds no usable GPU.
    """
    if name == "numpy":
        return Backend(np, threads())
    try:
        import cupy
    except ImportError:
        raise BackendError(
            "backend cupy is not installed: pip install 'dmft[cuda12]' (or cuda13), or use numpy"
        ) from None
    try:
        cupy.cuda.Device().compute_capability  # noqa: B018 — raises when there is no driver or no GPU
        cupy.zeros(1) + 1
    except Exception as error:  # the CUDA runtime has many ways to fail; all mean the same here
        raise BackendError(f"backend cupy finds no usable GPU ({error}): use --backend numpy") from None
    return Backend(cupy, 1)

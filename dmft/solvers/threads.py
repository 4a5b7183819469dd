"""Independent members in threads, in chunks; the kernels hold no interpreter lock and look at a flag to stop."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

import numpy as np

from ..results.progress import Progress
from .ensemble import threads

Array = np.ndarray
#: Chunks of members per thread: small enough to share the work evenly.
CHUNKS = 16


def in_threads(part: Callable[[int, int, Array], None], members: int, progress: Progress, label: str) -> None:
    """Call ``part(first, last, stop)`` for all members, in chunks.

    Ctrl-C sets ``stop[0]``, which kernels look at, and no chunk is begun any more: what is done is kept.
    Numba's own parallel loops are not used: they cannot be interrupted, and one of their layers dies in threads.
    """
    stop = np.zeros(1, dtype=np.uint8)
    workers = max(1, min(threads(), members))
    edges = np.unique(np.linspace(0, members, min(members, CHUNKS * workers) + 1).astype(int))
    progress.start(label, float(members))

    def task(first: int, last: int) -> None:
        if not stop[0]:
            try:
                part(first, last, stop)
                progress.update(float(last - first))
            except KeyboardInterrupt:  # from a progress report of the user's own
                stop[0] = 1

    try:
        with ThreadPoolExecutor(workers) as pool:
            futures = [pool.submit(task, int(first), int(last)) for first, last in itertools.pairwise(edges)]
            try:
                wait(futures)
            except KeyboardInterrupt:
                stop[0] = 1
            for future in futures:
                future.result()
    finally:
        progress.finish()

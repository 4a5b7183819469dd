"""How much memory there is, read from the system."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import MemoryLimitError

#: Part of the free memory that a calculation may take.
SHARE = 0.9


def available_memory() -> float:
    """Bytes that can be allocated now: the system's estimate, and the control group's limit if lower."""
    free = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                free = 1024.0 * float(line.split()[1])
    except OSError:
        pass  # not Linux: physical memory is the best guess
    group = Path("/sys/fs/cgroup")
    try:
        limit = float((group / "memory.max").read_text())
        free = min(free, limit - float((group / "memory.current").read_text()))
    except (OSError, ValueError):
        pass  # no control group, or "max"
    return max(free, 0.0)


def readable(size: float) -> str:
    """A size in bytes for people, e.g. ``1.5 GB``."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1000.0 or unit == "TB":
            return f"{size:.3g} {unit}"
        size /= 1000.0
    raise AssertionError


def check_memory(needed: float, advice: str, free: float | None = None) -> None:
    """Refuse a calculation that would not fit into :data:`SHARE` of what is free.

    Raises
    ------
    MemoryLimitError
        With `advice` on what to try.
    """
    free = available_memory() if free is None else free
    if needed > SHARE * free:
        raise MemoryLimitError(f"needs {readable(needed)} of memory, {readable(free)} are free: {advice}")

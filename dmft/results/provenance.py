"""Where a result comes from."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

PACKAGES = ("dmft", "numpy", "scipy", "numba", "h5py")


@cache
def package_version(name: str = "dmft") -> str:
    """Version of an installed package."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"


def provenance(wall_time: float) -> dict[str, Any]:
    """Versions, platform, time of day and wall time in seconds; the command is added by the command line."""
    versions = {"python": platform.python_version(), **{name: package_version(name) for name in PACKAGES}}
    return {
        "versions": versions,
        "command": "",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "wall_time": wall_time,
        "platform": platform.platform(),
    }

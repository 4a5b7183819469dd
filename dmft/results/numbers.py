"""Numbers with standard errors as people write them."""

from __future__ import annotations

import math


def number(value: float, stderr: float | None = None) -> str:
    """A value with its standard error to two digits, and the value to the same place."""
    if stderr is None or not math.isfinite(stderr) or not math.isfinite(value) or stderr <= 0.0:
        return f"{value:.6g}"
    places = 1 - math.floor(math.log10(stderr))
    if places < 0 or places > 9:
        return f"{value:.6g} ± {stderr:.1e}"
    return f"{value:.{places}f} ± {stderr:.{places}f}"

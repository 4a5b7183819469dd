"""Fluctuation–dissipation plot of SGD: independent batches, and batches that persist.

Run: ``python examples/fluctuation_dissipation.py``. The panels are the first two that ``sgd/temperature`` declares.
"""

from __future__ import annotations

from pathlib import Path

import dmft

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
#: With τ = 4 a sample stays in the batch for 6 steps on average, far less than the largest lag.
CASES = {"vanilla": {}, "persistent": {"persistence": 4.0, "lags": 100, "steps": 400}}


def main() -> None:
    for name, changes in CASES.items():
        run = dmft.compare("sgd/temperature", size=[400], replicas=8, paths=8192, seed=1, **changes)
        run.plot(run.figure[:2]).savefig(IMAGES / f"fluctuation_dissipation_{name}.png", dpi=150)


if __name__ == "__main__":
    main()

"""The figure of the README: theory of SGD against a simulation with 1000 weights.

Run: ``python examples/readme_figure.py`` (some seconds); writes docs/images/sgd.png.
"""

from __future__ import annotations

from pathlib import Path

import dmft

TARGET = Path(__file__).resolve().parents[1] / "docs" / "images" / "sgd.png"

if __name__ == "__main__":
    run = dmft.compare(
        "sgd", alpha=2.0, batch_fraction=0.3, size=[250, 500, 1000], replicas=20, steps=60, paths=65536, seed=1
    )
    print(run.comparison.message)
    run.plot(["magnetization", "norm", "train_error", "test_error"]).savefig(TARGET, dpi=160)

"""Figures of the pages on ``group-norm`` and ``lamb``: theory, its twins, and trained networks.

    python examples/large_batches.py [--folder docs/images] [--only group_norm,lamb]

All of them take about ten minutes on two cores, most of it for the networks.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import dmft

FIGURES = {
    "group_norm": ("group-norm", {"size": 4000}),
    "group_norm_gradient": ("group-norm/gradient", {"activation": "relu", "batch": 8}),
    "group_norm_training": ("group-norm/training", {"precision": "float32", "seed": 1}),
    "lamb": ("lamb", {}),
    "lamb_batch_scaling": ("lamb/batch-scaling", {"smallest": 4, "doublings": 12, "size": 16}),
    "lamb_training": ("lamb/training", {"precision": "float32", "replicas": 4}),
}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("docs/images"))
    parser.add_argument("--only", default=",".join(FIGURES))
    options = parser.parse_args()
    for name in options.only.split(","):
        slug, chosen = FIGURES[name]
        run = dmft.compare(slug, **chosen)
        print(f"{slug}: {run.status.code}; {run.comparison.message}")
        run.plot().savefig(options.folder / f"{name}.png", dpi=110)


if __name__ == "__main__":
    main()

"""What all tests share."""

from __future__ import annotations

import os

from hypothesis import settings

os.environ.setdefault("MPLBACKEND", "Agg")  # before anything imports pyplot; also for the command line's processes

# No deadline: the first call of a kernel compiles it. The same examples on every machine: a failure must repeat.
settings.register_profile("dmft", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("dmft")

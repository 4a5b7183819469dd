"""What all tests share."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("MPLBACKEND", "Agg")  # before anything imports pyplot; also for the command line's processes

# No deadline: the first call of a kernel compiles it. The same examples on every machine: a failure must repeat.
settings.register_profile("dmft", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("dmft")


@pytest.fixture(scope="session")
def browser():
    """The module ``tests/browser.py``; skipped where there is no browser."""
    spec = importlib.util.spec_from_file_location("browser", Path(__file__).with_name("browser.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where its dataclasses look for it
    spec.loader.exec_module(module)
    if module.find() is None:
        pytest.skip("no browser on this machine")
    return module


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    """The whole suite runs in two processes, if pytest-xdist is there; a choice of tests, or `-n 0`, in one."""
    whole = config.args_source is config.ArgsSource.TESTPATHS and not config.option.collectonly
    inside = hasattr(config, "workerinput") or "PYTEST_XDIST_WORKER" in os.environ  # one of the two processes
    if whole and not inside and config.pluginmanager.hasplugin("xdist") and config.option.numprocesses is None:
        config.option.numprocesses = 2

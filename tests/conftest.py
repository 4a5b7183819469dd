"""What all tests share."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("MPLBACKEND", "Agg")  # before anything imports pyplot; also for the command line's processes

# No deadline: the first call of a kernel compiles it. The same examples on every machine: a failure must repeat.
settings.register_profile("dmft", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("dmft")


# Where the shell starts the tests in the background, Ctrl-C is ignored, by every process that they start as well.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


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


def pytest_terminal_summary(terminalreporter):
    """The figures of the fault injection (``tests/faults``), summed over all processes."""
    totals: dict[str, int] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, number in getattr(report, "user_properties", ()) if getattr(report, "when", "") == "call" else ():
                if name.startswith("faults: "):
                    totals[name] = totals.get(name, 0) + number
    if totals:
        terminalreporter.section("faults injected")
        for name, number in sorted(totals.items()):
            terminalreporter.write_line(f"{number:>7}  {name.removeprefix('faults: ')}")

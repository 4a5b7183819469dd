"""The command line in a process of its own (the installed script if there is one), and in this process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import dmft
from dmft.cli import cli

#: A calculation of the default model that takes a fraction of a second.
QUICK = ("--steps", "5", "--paths", "256")


@pytest.fixture(scope="session")
def program() -> list[str]:
    """The installed script beside the interpreter, else the module."""
    script = shutil.which("dmft", path=str(Path(sys.executable).parent))
    return [script] if script else [sys.executable, "-m", "dmft"]


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """Environment in which the package under test is found from any folder."""
    root = str(Path(dmft.__file__).parents[1])
    paths = [root, os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "COLUMNS": "100"}


Start = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def start(program: list[str], environment: dict[str, str], tmp_path: Path) -> Start:
    """Run ``dmft`` in a process of its own, in an empty folder."""

    def call(*words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        setup = {"env": environment, "cwd": tmp_path, "timeout": 120, "text": True, "capture_output": True, **options}
        return subprocess.run([*program, *words], **setup)

    return call


class Done:
    """A finished call with what a script would look at."""

    def __init__(self, result: Result) -> None:
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        self.code, self.out, self.err = result.exit_code, result.stdout, result.stderr

    @property
    def object(self) -> dict[str, Any]:
        """The one strictly valid JSON object on stdout."""

        def refuse(word: str) -> None:
            raise AssertionError(f"{word} is not JSON")

        made: dict[str, Any] = json.loads(self.out, parse_constant=refuse)
        return made

    @property
    def error(self) -> str:
        """The one line of an error."""
        (line,) = self.err.splitlines()
        assert line.startswith("dmft: error: ")
        assert self.out == ""
        return line.removeprefix("dmft: error: ")


Call = Callable[..., Done]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Run ``dmft`` in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: Done(CliRunner().invoke(cli, list(words)))

"""The other end of the arena, what a clean failure is, and what a whole result is."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fault_commands import Command

import dmft

HERE = Path(__file__).parent
#: What a calculation may end with; see ``dmft --help``.
DOCUMENTED = (0, 1, 2, 3, 4, 5, 130)
KILLED = -9
Answer = dict[str, Any]


class Arena:
    """Forks children that run a command; see ``arena.py``."""

    def __init__(self, *prefix: str) -> None:
        root = str(Path(dmft.__file__).parents[1])
        one = dict.fromkeys(("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        environment = {**os.environ, **one, "MPLBACKEND": "Agg", "PYTHONPATH": root, "COLUMNS": "100"}
        self.process = subprocess.Popen(
            [*prefix, sys.executable, str(HERE / "fault_arena.py")], env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def __call__(self, *tasks: dict[str, Any]) -> list[Answer]:
        """Do tasks side by side."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(tasks) + "\n")
        self.process.stdin.flush()
        answers: list[Answer] = json.loads(self.process.stdout.readline())
        return answers

    def run(self, words: list[str], cwd: Path, **task: Any) -> Answer:
        """Do one."""
        return self({"words": words, "cwd": str(cwd), **task})[0]

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


def assert_clean(answer: Answer, *codes: int) -> str:
    """One line of error for codes 1 and 2, none else; no traceback and no defect. Returns the line."""
    text, code = answer["err"], answer["code"]
    assert code in (codes or DOCUMENTED), answer
    for words in ("Traceback", "this is a defect", "Warning:"):
        assert words not in text + answer["out"], answer
    lines = [line for line in text.splitlines() if not line.startswith("dmft: warning: ")]
    if code in (1, 2):
        assert len(lines) == 1, answer
        assert lines[0].startswith("dmft: error: "), answer
        return lines[0]
    assert not [line for line in lines if "error" in line], answer
    return ""


def numbers(path: Path) -> str:
    """Digest of every number in a file of results, less the seconds it took."""
    found = dmft.load(path)
    total = hashlib.sha256()
    facts: list[Any] = [found.model, found.parameters, found.status.code, found.changed]
    if not isinstance(found, dmft.Run):
        facts += [found.axes, found.failures, found.identity]
        total.update(found.states.tobytes() + found.seeds.tobytes())
        facts += [item.values.tolist() for item in found.coordinates.values()]
    else:
        facts.append(repr(found.comparison))
    for part in ("theory", "simulation", "comparison"):
        solution = getattr(found, part)
        if hasattr(solution, "curves"):
            facts += [part, solution.status.code, solution.samples, solution.method, sorted(solution)]
            for name in sorted(solution):
                curve = solution[name]
                total.update(curve.values.tobytes() + (b"" if curve.stderr is None else curve.stderr.tobytes()))
            facts += [item.values.tolist() for item in solution.coordinates.values()]
    total.update(repr(facts).encode())
    return total.hexdigest()


def content(path: Path) -> str:
    """What must be the same whenever a file is whole: numbers, or every byte of a figure."""
    return numbers(path) if path.suffix == ".h5" else hashlib.sha256(path.read_bytes()).hexdigest()


@dataclass(frozen=True)
class Case:
    """A command with a folder to start from, and what it gives if nothing goes wrong."""

    command: Command
    template: Path
    whole: dict[str, str]
    seconds: float
    writes: int
    sizes: dict[str, int]

    def folder(self, path: Path) -> Path:
        """A fresh copy of the template."""
        return Path(shutil.copytree(self.template, path, symlinks=True))

    def assert_whole_or_absent(self, folder: Path) -> int:
        """Each file is absent or equal to that of an undisturbed run; returns how many are there."""
        there = [name for name in self.command.files if (folder / name).exists()]
        for name in there:
            assert content(folder / name) == self.whole[name], f"{name} of {self.command.name} is not whole"
        return len(there)

    def assert_recovers(self, arena: Arena, folder: Path) -> None:
        """The command once more gives what it would have given, and cleans up behind itself."""
        answer = arena.run(self.command.recovery, folder)
        assert_clean(answer, 0)
        assert self.assert_whole_or_absent(folder) == len(self.command.files)

"""A process that has imported everything and forks a child for each command, so that a hundred deaths cost a minute.

Requests and answers are lines of JSON on stdin and stdout: a list of tasks, done side by side, and what became of
each. Run as a script; :class:`Arena` in ``fault_kit.py`` is the other end.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import select
import signal
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

Task = dict[str, Any]
#: System calls that change something on the disk; a bomb goes off at the n-th of them.
WRITES = ("open", "pwrite", "fsync", "link", "replace", "unlink", "mkdir")
#: Seconds without an answer after which a child has failed.
PATIENCE = 300.0


def import_everything() -> None:
    from dmft.cli.group import COMMANDS
    from dmft.theory.registry import models

    commands = [f"dmft.cli.{name}" for name in COMMANDS]
    for name in ("matplotlib.backends.backend_agg", "matplotlib.backends.backend_pdf", "dmft.results.figures",
                 "dmft.results.phase_figures", "dmft.sweeps.sweep", *commands):  # fmt: skip
        import_module(name)
    models()


class Calls:
    """Counts the calls of :data:`WRITES`; kills the process in the middle of the n-th."""

    def __init__(self, bomb: int | None) -> None:
        self.bomb, self.count = bomb, 0
        for name in WRITES:
            setattr(os, name, self._counted(getattr(os, name)))

    def _counted(self, function: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            if function.__name__ == "open" and not arguments[1] & os.O_CREAT:
                return function(*arguments, **options)
            self.count += 1
            if self.count == self.bomb:
                if function.__name__ == "pwrite":  # half of it is on the disk
                    descriptor, data, offset = arguments
                    function(descriptor, data[: len(data) // 2], offset)
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **options)

        return call


def jumping_clock(seed: int) -> None:
    """Wall clocks jump by up to ten years, both ways, whenever they are read; a progress bar is shown at once."""
    import datetime

    import tqdm.std

    import dmft.cli.console
    import dmft.results.provenance

    rng, real = random.Random(seed), time.time

    def jump() -> float:
        return real() + rng.choice((0.0, rng.uniform(-3e8, 3e8)))

    class Clock(datetime.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.datetime.fromtimestamp(jump(), tz)

    time.time = jump
    tqdm.std.time = jump
    dmft.results.provenance.datetime = Clock
    dmft.cli.console.DELAY = 0.0
    sys.stderr.isatty = lambda: True


def run_command(words: list[str]) -> int:
    """The exit code of ``dmft WORDS``; anything but a clean exit shows as a traceback and code 99."""
    from dmft.cli import cli

    try:
        cli.main(args=words)
    except SystemExit as done:
        return int(done.code or 0)
    except BaseException:
        import traceback

        traceback.print_exc()
    return 99


def read_variants(task: Task) -> int:
    """Spoil a file in many ways; tell for each what the command says and whether the numbers are the same.

    Starts at variant number ``first``; one line of JSON on stdout for each: number, kind, exit code, stdout, stderr,
    and the digest of the numbers of a file that was read.
    """
    import io

    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    from fault_kit import numbers
    from fault_spoiling import spoil

    real, target = os.fdopen(os.dup(1), "w"), Path(task["cwd"], task["target"])
    whole = Path(task["source"]).read_bytes()
    for number in range(task["first"], task["count"]):
        kind, data = spoil(whole, task["seed"], number)
        target.write_bytes(data)
        sys.stdout, sys.stderr = io.StringIO(), io.StringIO()
        code = run_command(task["words"])
        told = [sys.stdout.getvalue(), sys.stderr.getvalue()]
        same = numbers(target) if code == 0 and task["numbers"] else ""
        for path in task["remove"]:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(Path(task["cwd"], path))
        print(json.dumps([number, kind, code, *told, same]), file=real, flush=True)
    return 0


def child(task: Task, out: int, err: int, report: int) -> None:
    """Never returns."""
    code = 98
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
        os.chdir(task["cwd"])
        if task.get("limit") is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (task["limit"], resource.RLIM_INFINITY))
        if task.get("clock") is not None:
            jumping_clock(task["clock"])
        calls = Calls(task.get("bomb"))
        code = read_variants(task) if "source" in task else run_command(task["words"])
        os.write(report, str(calls.count).encode())
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


class Child:
    """A forked command, its streams, and when it is to die."""

    def __init__(self, task: Task) -> None:
        self.task, self.started, self.code = task, time.monotonic(), None
        self.said: dict[int, bytes] = {}
        pipes = [os.pipe() for _ in range(3)]
        self.pid = os.fork()
        if self.pid == 0:
            child(task, *(write for _, write in pipes))
        self.streams = [read for read, _ in pipes]
        for read, write in pipes:
            os.close(write)
            os.set_blocking(read, False)
            self.said[read] = b""
        self.shots = 0

    def look(self) -> bool:
        """Read what it says, shoot if it is time; true if it has ended."""
        seconds = time.monotonic() - self.started
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        for stream in self.streams:
            with contextlib.suppress(BlockingIOError):
                while piece := os.read(stream, 1 << 16):
                    self.said[stream] += piece
                    if "source" in self.task:
                        self.started = time.monotonic()
        if pid:
            self.code = os.waitstatus_to_exitcode(status)
            self.seconds = seconds
            return True
        if seconds > self.task.get("kill_after", PATIENCE):
            os.kill(self.pid, signal.SIGKILL)
        if "shoot_after" in self.task and not self.shots and seconds > self.task["shoot_after"]:
            for worker in workers_of(self.pid)[:1]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker, self.task["signal"])
                    self.shots += 1
        return False

    def answer(self) -> dict[str, Any]:
        out, err, report = (self.said[stream].decode(errors="replace") for stream in self.streams)
        for stream in self.streams:
            os.close(stream)
        writes = int(report or 0)
        return {
            "code": self.code, "out": out, "err": err, "writes": writes, "seconds": self.seconds, "shots": self.shots
        }  # fmt: skip


def workers_of(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def serve() -> None:
    """Until stdin is closed."""
    import_everything()
    answers = os.fdopen(os.dup(1), "w")
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        children = [Child(task) for task in json.loads(line)]
        running = list(children)
        while running:
            running = [item for item in running if not item.look()]
            if running:
                select.select([stream for item in running for stream in item.streams][:1], [], [], 0.005)
                time.sleep(0.002)
        print(json.dumps([item.answer() for item in children]), file=answers, flush=True)


if __name__ == "__main__":
    serve()

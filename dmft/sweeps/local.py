"""Points in local worker processes, each started anew (no fork), with one thread."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from typing import IO

from ..errors import WorkerError
from .plan import Point
from .worker import ERROR, SINGLE, read_frame, write_frame

#: The content of a point's file, or the text of the error.
Outcome = bytes | str


class Worker:
    """One process; knows what it is at work on."""

    def __init__(self) -> None:
        self.log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 — open as long as the worker
        self.point: Point | None = None
        self.ready = False
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dmft.sweeps.worker"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, env=_environment(),
            start_new_session=True,  # Ctrl-C in the terminal is the parent's affair
        )  # fmt: skip
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.input, self.output = self.process.stdin, self.process.stdout
        self._send(json.dumps([path or os.getcwd() for path in sys.path]).encode())

    def give(self, point: Point) -> None:
        """Let it calculate a point."""
        self.point = point
        self._send(json.dumps(point.task).encode())

    def _send(self, data: bytes) -> None:
        try:
            write_frame(self.input, data)
        except OSError:
            pass  # it has died: its output ends, which is where that is noticed

    def stop(self) -> str:
        """End it at once; return how it had ended if it had, with its last words."""
        code = self.process.poll()
        self.process.kill()
        code = self.process.wait() if code is None else code
        for stream in (self.input, self.output):
            try:
                stream.close()
            except OSError:
                pass  # unsent bytes in the buffer
        self.log.seek(0)
        words = self.log.read().decode(errors="replace").strip().splitlines()
        self.log.close()
        return f"{_ending(code)}{': ' + words[-1].strip() if words else ''}"


def run_local(points: Sequence[Point], jobs: int) -> Iterator[tuple[Point, Outcome]]:
    """Calculate points in `jobs` processes; yield each as soon as it is finished.

    A point whose worker dies is tried once more; the second time its outcome is an error.

    Raises
    ------
    WorkerError
        If workers do not even start.
    """
    waiting, tried = deque(points), set[str]()
    selector = selectors.DefaultSelector()

    def start() -> None:
        worker = Worker()
        selector.register(worker.output, selectors.EVENT_READ, worker)

    def release(worker: Worker) -> str:
        selector.unregister(worker.output)
        return worker.stop()

    try:
        for _ in range(min(jobs, len(waiting))):
            start()
        while selector.get_map():
            for key, _ in selector.select():
                worker: Worker = key.data
                answer, point = read_frame(worker.output), worker.point
                if answer is None:
                    ending = release(worker)
                    if not worker.ready:
                        raise WorkerError(f"worker processes do not start ({ending}): check the installation")
                    start()
                    if point is None:
                        continue
                    if point.name not in tried:
                        tried.add(point.name)
                        waiting.appendleft(point)
                        continue
                    answer = ERROR + f"its worker {ending}, twice; if memory ran out try fewer jobs".encode()
                # hand out the next point before anybody does something with this one
                worker.ready, worker.point = True, None
                if worker.process.returncode is None:
                    if waiting:
                        worker.give(waiting.popleft())
                    else:
                        release(worker)
                if point is not None:
                    is_error = answer.startswith(ERROR)
                    yield point, answer[len(ERROR) :].decode(errors="replace") if is_error else answer
    finally:
        for key in list(selector.get_map().values()):
            release(key.data)
        selector.close()


def _environment() -> dict[str, str]:
    """That of this process with one thread for each library; the package found where this one is."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    paths = [root, os.environ.get("PYTHONPATH", "")]
    return {**os.environ, **SINGLE, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def _ending(code: int) -> str:
    if code < 0:
        return f"was ended by signal {-code} ({signal.Signals(-code).name})"
    return f"ended with code {code}"

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
from collections.abc import Generator, Sequence
from contextlib import suppress
from typing import IO, BinaryIO, cast

from ..errors import OutputError, WorkerError
from .plan import Point
from .worker import ERROR, RUN_POINT, SINGLE, read_frame, write_frame

#: The content of a point's file, or the text of the error.
Outcome = bytes | str


class Worker:
    """One process; knows what it is at work on."""

    def __init__(self, work: str) -> None:
        self.log = temporary_file()
        self.point: Point | None = None
        self.ready = False
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dmft.sweeps.worker", work],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, env=worker_environment(),
            start_new_session=True,  # Ctrl-C in the terminal is the parent's affair
        )  # fmt: skip
        self.input, self.output = cast(BinaryIO, self.process.stdin), cast(BinaryIO, self.process.stdout)
        self._send(json.dumps([path or os.getcwd() for path in sys.path]).encode())

    def give(self, point: Point) -> None:
        """Let it calculate a point."""
        self.point = point
        self._send(json.dumps(point.task).encode())

    def _send(self, data: bytes) -> None:
        with suppress(OSError):  # it has died: its output ends, which is where that is noticed
            write_frame(self.input, data)

    def stop(self) -> str:
        """End it at once; return how it had ended if it had, with its last words."""
        code = self.process.poll()
        self.process.kill()
        code = self.process.wait() if code is None else code
        for stream in (self.input, self.output):
            with suppress(OSError):  # unsent bytes in the buffer
                stream.close()
        self.log.seek(0)
        words = self.log.read().decode(errors="replace").strip().splitlines()
        self.log.close()
        return f"{_ending(code)}{': ' + words[-1].strip() if words else ''}"


def temporary_file() -> IO[bytes]:
    """A file for a worker's last words.

    Raises
    ------
    OutputError
        If there is no place for it.
    """
    try:
        return tempfile.TemporaryFile()
    except OSError as error:
        raise OutputError(
            f"workers cannot make temporary files ({error.strerror}): free some space, or set TMPDIR to another folder"
        ) from None


class LocalPool:
    """Calculates points in `jobs` processes, which stay warm from one call to the next until :meth:`close`.

    `work` names the function, as ``module:function``, that makes the bytes of a point's file from its task.
    """

    def __init__(self, jobs: int, work: str = RUN_POINT) -> None:
        self.jobs, self.work = jobs, work
        self._idle: list[Worker] = []

    def __call__(self, points: Sequence[Point]) -> Generator[tuple[Point, Outcome]]:
        """Calculate points; yield each as soon as it is finished.

        A point whose worker dies is tried once more; the second time its outcome is an error.

        Raises
        ------
        WorkerError
            If workers do not even start.
        """
        waiting, tried = deque(points), set[str]()
        selector = selectors.DefaultSelector()
        try:
            for _ in range(min(self.jobs, len(waiting))):
                worker = self._idle.pop() if self._idle else Worker(self.work)
                selector.register(worker.output, selectors.EVENT_READ, worker)
                if worker.ready:
                    worker.give(waiting.popleft())
            while selector.get_map():
                for key, _ in selector.select():
                    yield from self._serve(selector, key.data, waiting, tried)
        finally:
            for key in list(selector.get_map().values()):
                key.data.stop()
            selector.close()

    def _serve(
        self, selector: selectors.BaseSelector, worker: Worker, waiting: deque[Point], tried: set[str]
    ) -> Generator[tuple[Point, Outcome]]:
        """Take a worker's answer and give it the next point before anybody does something with this one."""
        answer, point = read_frame(worker.output), worker.point
        worker.point = None
        if answer is None:
            selector.unregister(worker.output)
            ending = worker.stop()
            if not worker.ready:
                raise WorkerError(f"worker processes do not start ({ending}): check the installation")
            if point is not None and point.name not in tried:
                tried.add(point.name)
                waiting.appendleft(point)
                point = None
            if waiting:
                another = Worker(self.work)
                selector.register(another.output, selectors.EVENT_READ, another)
            answer = ERROR + f"its worker {ending}, twice; if memory ran out try fewer jobs".encode()
        else:
            worker.ready = True
            if waiting:
                worker.give(waiting.popleft())
            else:
                selector.unregister(worker.output)
                self._idle.append(worker)
        if point is not None:
            failed = answer.startswith(ERROR)
            yield point, answer[len(ERROR) :].decode(errors="replace") if failed else answer

    def close(self) -> None:
        """End all workers."""
        while self._idle:
            self._idle.pop().stop()


def worker_environment() -> dict[str, str]:
    """That of this process with one thread for each library, and the package found where this one is."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    paths = [root, os.environ.get("PYTHONPATH", "")]
    return {**os.environ, **SINGLE, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def _ending(code: int) -> str:
    if code < 0:
        return f"was ended by signal {-code} ({signal.Signals(-code).name})"
    return f"ended with code {code}"

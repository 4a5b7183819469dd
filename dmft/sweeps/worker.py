"""A local worker: ``python -m dmft.sweeps.worker [WORK]`` reads points from stdin and writes answers to stdout.

Frames are a length (8 bytes, little endian) and so many bytes. The first frame in is the module path of the parent;
the first one out is empty and means that the worker is ready. Every further frame in is a task in JSON, every further
one out the packed point, or ``!`` and the text of an error. A closed stdin ends the worker at once, even in the middle
of a point: when the parent is gone nobody would read the answer.
"""

from __future__ import annotations

import json
import os
import queue
import struct
import sys
import threading
import warnings
from importlib import import_module
from typing import BinaryIO

LENGTH = struct.Struct("<Q")
ERROR = b"!"
#: The function that a worker calls unless told otherwise, as ``module:function``.
RUN_POINT = "dmft.sweeps.work:run_point"
#: One thread for each worker: workers are what runs side by side. Must be set before NumPy is imported.
SINGLE = dict.fromkeys(("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def read_frame(source: BinaryIO) -> bytes | None:
    """The next frame; None where the stream ends, be it in the middle of a frame."""
    head = source.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    data = source.read(length)
    return data if len(data) == length else None


def write_frame(target: BinaryIO, data: bytes) -> None:
    """Write a frame at once."""
    target.write(LENGTH.pack(len(data)) + data)
    target.flush()


def describe_error(error: BaseException) -> str:
    """One line; errors raised on purpose speak for themselves."""
    from ..errors import DMFTError

    text = " ".join(str(error).split())
    return text if isinstance(error, DMFTError) else f"{type(error).__name__}: {text}".rstrip(": ")


def main(work: str = RUN_POINT) -> None:
    """Do `work` until stdin is closed."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a model prints must not get among the answers
    questions: queue.Queue[bytes] = queue.Queue()

    def listen() -> None:
        while (data := read_frame(sys.stdin.buffer)) is not None:
            questions.put(data)
        os._exit(0)

    first = read_frame(sys.stdin.buffer)
    if first is None:
        return
    sys.path[:] = json.loads(first)
    threading.Thread(target=listen, daemon=True).start()
    warnings.simplefilter("ignore")  # the parent has told those of the models; a status tells the rest

    module, _, name = work.partition(":")
    run = getattr(import_module(module), name)
    write_frame(answers, b"")
    while True:
        task = json.loads(questions.get())
        try:
            answer = run(task)
        except Exception as error:
            answer = ERROR + describe_error(error).encode(errors="replace")
        write_frame(answers, answer)


if __name__ == "__main__":
    main(*sys.argv[1:])

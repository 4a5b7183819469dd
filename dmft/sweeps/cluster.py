"""Points on a Dask cluster (extra ``cluster``): a scheduler somewhere, or a local cluster."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from ..errors import DMFTError, ParameterError, WorkerError
from .local import Outcome, worker_environment
from .plan import Point
from .work import run_point
from .worker import ERROR, describe_error

LOCAL = "local"
#: Seconds to wait for a scheduler to answer.
TIMEOUT = 10.0


def answer(task: dict[str, Any]) -> bytes:
    """What a worker of the cluster does with a point: as local ones do, errors come back as text."""
    try:
        return run_point(task)
    except Exception as error:
        return ERROR + describe_error(error).encode(errors="replace")


class DaskPool:
    """Calculates points on the cluster at `address`, or on a ``local`` one of `jobs` processes, until :meth:`close`.

    A point whose worker dies is tried again by Dask (``distributed.scheduler.allowed-failures`` times).
    """

    def __init__(self, address: str, jobs: int) -> None:
        self.address, self.jobs = address, jobs
        self._stack = ExitStack()
        self._client: Any = None

    def __call__(self, points: Sequence[Point]) -> Generator[tuple[Point, Outcome]]:
        """Calculate points; yield each as soon as it is finished.

        Raises
        ------
        WorkerError
            If Dask is not installed, no scheduler answers, or it goes away.
        """
        try:
            import distributed
        except ImportError:
            raise WorkerError('Dask is not installed: pip install "dmft[cluster]", or use --jobs') from None
        if self._client is None:
            self._stack.enter_context(_silent())
            self._client = self._stack.enter_context(_connect(self._stack, distributed, self.address, self.jobs))
        client = self._client
        # the name of a point is its key: the scheduler calculates it once even if two sweeps ask for it
        futures = {client.submit(answer, point.task, key=f"dmft-{point.name}", pure=False): point for point in points}
        try:
            for future in distributed.as_completed(list(futures)):
                point = futures.pop(future)
                yield point, _outcome(future)
                future.release()
        except (distributed.CancelledError, asyncio.CancelledError, OSError) as error:
            if isinstance(error, DMFTError):  # of who takes the points, e.g. a full disk
                raise
            raise WorkerError(
                f"the Dask scheduler at {self.address} went away: finished points are kept; give the same command with "
                "the address of a new one, or without --dask"
            ) from None
        finally:
            if futures and client.status == "running":
                client.cancel(list(futures), force=True)

    def close(self) -> None:
        """Leave the cluster; end a local one."""
        self._client = None
        self._stack.close()


@contextmanager
def _silent() -> Iterator[None]:
    """Hold back what Dask writes about lost connections, with tracebacks: one line of ours says it."""
    loggers = [logging.getLogger(name) for name in ("distributed", "distributed.client")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _connect(stack: ExitStack, distributed: Any, address: str, jobs: int) -> Any:
    if address == LOCAL:
        from distributed.deploy.subprocess import SubprocessCluster

        # not LocalCluster, whose processes would import the main script once more; one thread for each library
        before = dict(os.environ)
        os.environ.update(worker_environment())
        try:
            cluster = stack.enter_context(
                SubprocessCluster(host="127.0.0.1", n_workers=jobs, threads_per_worker=1, dashboard_address=":0")
            )
        except (OSError, RuntimeError) as error:
            raise WorkerError(f"the local Dask cluster does not start ({error}): use --jobs alone") from None
        finally:
            os.environ.clear()
            os.environ.update(before)
        return distributed.Client(cluster)
    try:
        return distributed.Client(address, timeout=TIMEOUT)
    except ValueError as error:
        raise ParameterError(f"dask = {address!r} is not an address ({error}): give e.g. tcp://host:8786") from None
    except (OSError, TimeoutError):
        raise WorkerError(
            f"no Dask scheduler answers at {address}: start one with 'dask scheduler' and give its address, "
            "or use --dask local"
        ) from None


def _outcome(future: Any) -> Outcome:
    try:
        data: bytes = future.result()
    except (OSError, asyncio.CancelledError):
        raise
    except DMFTError as error:
        return str(error)
    except Exception as error:  # above all KilledWorker
        if future.status == "cancelled":
            raise
        return describe_error(error)
    return data[len(ERROR) :].decode(errors="replace") if data.startswith(ERROR) else data

"""Points on a Dask cluster (extra ``cluster``): a scheduler somewhere, or a local cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any

from ..errors import DMFTError, ParameterError, WorkerError
from .local import Outcome
from .plan import Point
from .work import run_point
from .worker import ERROR, SINGLE, describe_error

LOCAL = "local"
#: Seconds to wait for a scheduler to answer.
TIMEOUT = 10.0


def answer(task: dict[str, Any]) -> bytes:
    """What a worker of the cluster does with a point: as local ones do, errors come back as text."""
    try:
        return run_point(task)
    except Exception as error:
        return ERROR + describe_error(error).encode(errors="replace")


def run_dask(points: Sequence[Point], address: str, jobs: int) -> Iterator[tuple[Point, Outcome]]:
    """Calculate points on the cluster at `address`, or on ``local`` ones of `jobs` processes; see :func:`run_local`.

    A point whose worker dies is tried again by Dask (``distributed.scheduler.allowed-failures`` times).

    Raises
    ------
    WorkerError
        If Dask is not installed, no scheduler answers, or it goes away.
    """
    try:
        import distributed
    except ImportError:
        raise WorkerError('Dask is not installed: pip install "dmft[cluster]", or use --jobs') from None
    with ExitStack() as stack:
        client = stack.enter_context(_connect(stack, distributed, address, jobs))
        # the name of a point is its key: the scheduler calculates it once even if two sweeps ask for it
        futures = {client.submit(answer, point.task, key=f"dmft-{point.name}", pure=False): point for point in points}
        try:
            for future in distributed.as_completed(list(futures)):
                point = futures.pop(future)
                yield point, _outcome(future)
                future.release()
        except (distributed.CancelledError, asyncio.CancelledError, OSError) as error:
            raise WorkerError(f"the Dask scheduler at {address} went away ({error}): finished points are kept") from None
        finally:
            if futures and client.status == "running":
                client.cancel(list(futures), force=True)


def _connect(stack: ExitStack, distributed: Any, address: str, jobs: int) -> Any:
    if address == LOCAL:
        import dask

        # one thread for each library, set before the worker imports any
        stack.enter_context(dask.config.set({"distributed.nanny.pre-spawn-environ": SINGLE}))
        cluster = stack.enter_context(
            distributed.LocalCluster(n_workers=jobs, threads_per_worker=1, dashboard_address=None, processes=True)
        )
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

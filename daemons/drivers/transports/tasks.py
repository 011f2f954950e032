"""Concurrent coroutines that end together."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def run_until_first_ends(*works: Coroutine[Any, Any, T]) -> T:
    """Run coroutines until the first one ends, cancel the others, and return its result.

    Raises the error of the first coroutine that fails; later errors are dropped. If several have ended
    at once, the first argument counts. A cancelled caller gets CancelledError.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in works]
            done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in pending:
                task.cancel()
            first = next(task for task in tasks if task in done)
    except BaseExceptionGroup as group_error:
        caller = asyncio.current_task()
        if caller and caller.cancelling():  # an error while the others end must not replace the cancellation
            raise asyncio.CancelledError from group_error
        error = group_error.exceptions[0]
    else:
        return first.result()
    raise error  # outside the handler, so that it keeps its own cause

"""Work that is done one step ahead, while the step before is being used."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")


def ahead(
    make: Callable[[Given], Made], items: Iterable[Given], *, steps: int = 2
) -> Iterator[Made]:
    """`make(item)` of each item, in order, up to `steps` of them made before they are asked for.

    One thread makes them one after the other, so that a random generator inside `make` gives what
    it would give in a plain loop. Decoding pictures leaves the interpreter free for the caller.
    An error of `make` is raised where its item would have come; nothing is made after the iterator
    is closed but what had begun.
    """
    pool = ThreadPoolExecutor(1, thread_name_prefix="ahead")
    waiting: deque[Future[Made]] = deque()
    source = iter(items)
    try:
        for item in source:
            waiting.append(pool.submit(make, item))
            if len(waiting) > steps:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)

"""Several requests to one account at once, and their results in order.

    for page in in_order(client, parents, one_parent):
        ...

What may be under way at once is the client's `parallel`; the account's rate budget holds for all of them together, so
it is the waiting for answers that overlaps, and nothing is asked faster than the vendor allows.

Source: connector rules, 'Intercom' (parts took 13 of 19 hours).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import TypeVar

from connectors.http import HttpClient

Item = TypeVar("Item")
Result = TypeVar("Result")
AHEAD = 2


def in_order(
    client: HttpClient, items: Sequence[Item], fetch: Callable[[HttpClient, Item], Result]
) -> Iterator[Result]:
    """`fetch(client, item)` for each item, in the order of `items`; a few are fetched ahead.

    An error comes in its turn, after the results before it; what was fetched ahead of it is dropped.
    """
    workers = min(client.parallel, len(items))
    if workers <= 1:
        for item in items:
            yield fetch(client, item)
        return
    idle: SimpleQueue[HttpClient] = SimpleQueue()
    clients = [client.sibling() for _ in range(workers)]
    for one in clients:
        idle.put(one)

    def run(item: Item) -> Result:
        own = idle.get()
        try:
            return fetch(own, item)
        finally:
            idle.put(own)

    pool = ThreadPoolExecutor(workers, thread_name_prefix="fetch")
    under_way: deque[Future[Result]] = deque()
    try:
        for item in items:
            under_way.append(pool.submit(run, item))
            if len(under_way) >= AHEAD * workers:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        for one in clients:
            one.close()

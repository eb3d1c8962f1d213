"""Asking a reader for its pages, so that an answer of a shape that it does not know is an error with a name.

A reader looks for what the vendor's documents promise. Where something else stands there (a number for an object, no
id), it stumbles over it in Python's own words; here they become a `GarbledAnswer`, so that one stream fails and not
all of them.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from traceback import extract_tb
from typing import Any

from connectors.errors import GarbledAnswer
from connectors.stream import Page, Reader, Reading

STUMBLES = (AttributeError, LookupError, TypeError, ValueError)


def pages_of(reader: Reader, connection: Any, reading: Reading) -> Generator[Page, None, None]:
    """The pages that a reader yields.

    Raises:
        GarbledAnswer: an answer has another shape than the reader knows; nothing after it was read.
    """
    pages = reader(connection, reading)
    try:
        while True:
            with known_shape():
                page = next(pages, None)
            if page is None:
                return
            yield page
            del page  # or it would live on while the next one is read
    finally:
        close = getattr(pages, "close", None)
        if close:
            close()  # a child process ends here


@contextmanager
def known_shape() -> Iterator[None]:
    """What stumbles over an answer within is a GarbledAnswer.

    Raises:
        GarbledAnswer: names the line that stumbled, and nothing of the answer, which may be about people.
    """
    try:
        yield
    except STUMBLES as error:
        frame = extract_tb(error.__traceback__)[-1]
        line = f"{Path(frame.filename).name}:{frame.lineno}"
        raise GarbledAnswer(
            f"an answer has another shape than is known ({type(error).__name__} at {line})",
            hint="the vendor may have changed it; check the API version",
        ) from None

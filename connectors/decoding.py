"""Undoing the compression of a body piece by piece, with a cap on what comes out."""

from __future__ import annotations

import zlib

from connectors.errors import GarbledAnswer


class Identity:
    """A body that is not compressed."""

    def add(self, chunk: bytes, room: int) -> bytes:
        return chunk

    def end(self) -> None:
        """Nothing to check: a body that is cut short is the connection's error."""


class Inflate:
    """gzip or deflate, with a cap on what comes out and a check that it was whole."""

    def __init__(self, encoding: str, place: str) -> None:
        self._place = place
        self._machine = zlib.decompressobj(16 + zlib.MAX_WBITS if encoding == "gzip" else zlib.MAX_WBITS)
        self._seen = False

    def add(self, chunk: bytes, room: int) -> bytes:
        self._seen = True
        try:
            return self._machine.decompress(chunk, max(1, room + 1))
        except zlib.error:
            raise GarbledAnswer(
                "the compressed body is broken", place=self._place, hint="try again"
            ) from None

    def end(self) -> None:
        if self._seen and not self._machine.eof:
            raise GarbledAnswer("the compressed body is broken off", place=self._place, hint="try again")


def decoder(encoding: str, place: str) -> Identity | Inflate:
    """What undoes a Content-Encoding.

    Raises:
        GarbledAnswer: nobody asked for that encoding.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return Identity()
    if encoding in ("gzip", "x-gzip", "deflate"):
        return Inflate("gzip" if "gzip" in encoding else "deflate", place)
    raise GarbledAnswer(
        f"the body comes in encoding {encoding[:20]!r}", place=place, hint="only gzip was asked for"
    )

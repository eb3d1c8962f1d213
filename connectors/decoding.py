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
        self._bits = 16 + zlib.MAX_WBITS if encoding == "gzip" else zlib.MAX_WBITS
        self._machine = zlib.decompressobj(self._bits)
        self._seen = False

    def add(self, chunk: bytes, room: int) -> bytes:
        self._seen = True
        try:
            plain = self._machine.decompress(chunk, max(1, room + 1))
            # A body may be several compressed pieces, one after the other (RFC 1952, 2.2); zeros may fill its end.
            while self._machine.eof and len(plain) <= room:
                rest = self._machine.unused_data.lstrip(b"\0")
                if not rest:
                    break
                self._machine = zlib.decompressobj(self._bits)
                plain += self._machine.decompress(rest, max(1, room + 1 - len(plain)))
        except zlib.error:
            raise GarbledAnswer(
                "the compressed body is broken", place=self._place, hint="try again"
            ) from None
        return plain

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

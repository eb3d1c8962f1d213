"""A compressed body comes out whole, however it is cut into pieces, or it is an error."""

import gzip
import random
import zlib

import pytest

from connectors.decoding import decoder
from connectors.errors import GarbledAnswer

TEXT = random.Random(7).randbytes(3_000).hex().encode()


def decoded(body: bytes, encoding: str = "gzip", size: int = 100, room: int = 1 << 20) -> bytes:
    decode = decoder(encoding, "GET /x")
    plain = b""
    for at in range(0, len(body), size):
        plain += decode.add(body[at : at + size], room - len(plain))
    decode.end()
    return plain


@pytest.mark.parametrize("size", [1, 7, 100, 1 << 20])
def test_pieces_that_were_compressed_one_by_one_all_come_out(size: int) -> None:
    body = b"".join(gzip.compress(TEXT[at : at + 1_000]) for at in range(0, len(TEXT), 1_000))
    assert decoded(body, size=size) == TEXT
    assert decoded(body + bytes(512), size=size) == TEXT
    assert decoded(zlib.compress(TEXT), "deflate", size=size) == TEXT


@pytest.mark.parametrize("kept", [1, 12, 200])
def test_a_second_piece_that_is_broken_off_is_an_error(kept: int) -> None:
    body = gzip.compress(TEXT) + gzip.compress(TEXT)[:kept]
    with pytest.raises(GarbledAnswer):
        decoded(body)


def test_no_more_comes_out_than_there_is_room_for() -> None:
    body = gzip.compress(bytes(1 << 20)) * 50
    assert len(decoder("gzip", "GET /x").add(body, 1_000)) == 1_001

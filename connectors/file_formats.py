"""Rows out of files: CSV, NDJSON, JSON, Parquet and Excel, plain or compressed.

Every format yields `Row`s with the number that people would look for (the line of a text file, the row of a
sheet). A row that cannot be read is a row with a problem, not the end of the file; a file that is broken off, or
is not what its name says, is a GarbledAnswer that names it.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import math
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import IO, Any

import orjson
import zstandard

from connectors.contract import parse_path, value_at
from connectors.errors import ConfigurationError, GarbledAnswer
from connectors.stream import Record

COMPRESSIONS = (".gz", ".bz2", ".xz", ".zst")
FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "json",
    ".parquet": "parquet",
    ".xlsx": "excel",
    ".xlsm": "excel",
}
LONGEST_FIELD = 16 << 20
PARQUET_ROWS = 10_000
ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
BROKEN = (EOFError, OSError, zlib.error, lzma.LZMAError, zstandard.ZstdError)


@dataclass(frozen=True)
class Reading:
    """How a file is read.

    Attributes:
        format: csv, ndjson, json, parquet or excel; empty: by the file's name.
        delimiter, header: of CSV; a header that is given means that the file has none.
        encoding: of text files.
        nulls: texts in CSV and Excel that mean no value.
        sheet: of Excel; empty: the first.
        records: of JSON, the path of the list.
    """

    format: str = ""
    delimiter: str = ","
    header: tuple[str, ...] = ()
    encoding: str = "utf-8"
    nulls: tuple[str, ...] = ("",)
    sheet: str = ""
    records: str = ""


@dataclass(frozen=True)
class Row:
    """One row of a file: its number, its fields, and why it cannot be read (empty: it can)."""

    number: int
    record: Record
    problem: str = ""


def rows_of(file: IO[bytes], name: str, how: Reading) -> Iterator[Row]:
    """The rows of an open file.

    Raises:
        GarbledAnswer: the file is broken off, or is not what its name says.
        ConfigurationError: nobody can tell what it is.
    """
    plain, compression = _without_compression(name)
    kind = how.format or next((kind for ending, kind in FORMATS.items() if plain.endswith(ending)), "")
    readers = {"csv": _csv, "ndjson": _ndjson, "json": _json, "parquet": _parquet, "excel": _excel}
    if kind not in readers:
        raise ConfigurationError(
            "nobody can tell the format from the name", place=name, hint=f"give format: {', '.join(readers)}"
        )
    if kind == "csv" and plain.endswith(".tsv") and how.delimiter == ",":
        how = Reading(**{**{f: getattr(how, f) for f in how.__dataclass_fields__}, "delimiter": "\t"})
    try:
        with _decompressed(file, compression) as content:
            yield from readers[kind](content, name, how)
    except BROKEN as error:
        raise GarbledAnswer(
            f"the file is broken off or damaged ({str(error)[:120] or type(error).__name__})",
            place=name,
            hint="have it delivered again; nothing of it was kept",
        ) from None


def _without_compression(name: str) -> tuple[str, str]:
    lowered = name.lower()
    for ending in COMPRESSIONS:
        if lowered.endswith(ending):
            return lowered.removesuffix(ending), ending
    return lowered, ""


@contextmanager
def _decompressed(file: IO[bytes], compression: str) -> Iterator[IO[bytes]]:
    with ExitStack() as stack:
        match compression:
            case ".gz":
                content: Any = stack.enter_context(gzip.GzipFile(fileobj=file))
            case ".bz2":
                content = stack.enter_context(bz2.BZ2File(file))
            case ".xz":
                content = stack.enter_context(lzma.LZMAFile(file))
            case ".zst":
                content = _WholeZstd(file)
            case _:
                content = file
        readable: Any = (
            content if isinstance(content, io.BufferedIOBase) else io.BufferedReader(content, 1 << 20)
        )
        yield readable


class _WholeZstd(io.RawIOBase):
    """A zstd stream, frame after frame, whose end is checked: the library takes a cut for the end of the file."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._frame: Any = None
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            chunk = self._file.read(1 << 17)
            if not chunk:
                if self._frame is not None and not self._frame.eof:
                    raise EOFError("the last zstd frame is cut off")
                return 0
            self._ready = self._decompress(chunk)
        size = min(len(buffer), len(self._ready))
        buffer[:size], self._ready = self._ready[:size], self._ready[size:]
        return size

    def _decompress(self, chunk: bytes) -> bytes:
        pieces = []
        while chunk:
            if self._frame is None or self._frame.eof:
                self._frame = zstandard.ZstdDecompressor().decompressobj()
            pieces.append(self._frame.decompress(chunk))
            chunk = self._frame.unused_data if self._frame.eof else b""
        return b"".join(pieces)


def _csv(file: IO[bytes], name: str, how: Reading) -> Iterator[Row]:
    lines = _text_lines(file, how.encoding)
    csv.field_size_limit(LONGEST_FIELD)
    try:
        rows = csv.reader(lines, delimiter=how.delimiter, strict=True)
        header: Sequence[str] | None = how.header or next(rows, None)
        if header is None:
            return
        header = [column.strip() for column in header]
        if len(set(header)) < len(header):
            twice = sorted({column for column in header if header.count(column) > 1})
            raise GarbledAnswer(
                f"the header names {twice[0]!r} twice", place=name, hint="name each column once"
            )
        nulls = frozenset(how.nulls)
        width = len(header)
        begin = rows.line_num + 1
        for values in rows:
            number, begin = begin, rows.line_num + 1
            if not values:
                continue
            if len(values) != width:
                yield Row(number, {}, f"line {number} has {len(values)} fields, the header {width}")
                continue
            if problem := _unreadable(values, number):
                yield Row(number, {}, problem)
                continue
            cells = (None if value in nulls else value for value in values)
            yield Row(number, dict(zip(header, cells, strict=True)))
    except csv.Error as error:
        raise GarbledAnswer(
            f"line {rows.line_num} is no CSV ({error})", place=name, hint="check quotes"
        ) from None


def _unreadable(values: Iterable[str], number: int) -> str:
    """Why the texts of a row cannot be kept; empty: they can."""
    for value in values:
        if not value.isascii() and any("\udc80" <= char <= "\udcff" for char in value):
            return f"line {number} is not in the file's encoding"
        if "\0" in value:
            return f"line {number} holds a NUL"
    return ""


def _text_lines(file: IO[bytes], encoding: str) -> Iterator[str]:
    """The lines of a text file; a byte-order mark decides over `encoding`, bytes that do not fit stay visible."""
    buffered = file if isinstance(file, io.BufferedReader) else io.BufferedReader(file)  # type: ignore[type-var]
    start = buffered.peek(4)[:4]
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif encoding.lower().replace("_", "-") in ("utf-8", "utf8"):
        encoding = "utf-8-sig"
    try:
        return io.TextIOWrapper(buffered, encoding=encoding, errors="surrogateescape", newline="")
    except LookupError:
        raise ConfigurationError(
            f"there is no encoding {encoding!r}", hint="write utf-8, latin-1, ..."
        ) from None


def _ndjson(file: IO[bytes], name: str, how: Reading) -> Iterator[Row]:
    for number, line in enumerate(file, start=1):
        text = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
        if not text.strip():
            continue
        try:
            record = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            yield Row(number, {}, f"line {number} is no JSON ({str(error)[:80]})")
            continue
        if not isinstance(record, dict):
            yield Row(number, {}, f"line {number} is no object")
            continue
        if ESCAPED_NUL.search(text):
            yield Row(number, {}, f"line {number} holds a NUL")
            continue
        yield Row(number, record)


def _json(file: IO[bytes], name: str, how: Reading) -> Iterator[Row]:
    try:
        content = orjson.loads(file.read().removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise GarbledAnswer(
            f"the file is no JSON ({error})", place=name, hint="have it delivered again"
        ) from None
    found = value_at(content, parse_path(how.records)) if how.records else content
    if not isinstance(found, list):
        raise GarbledAnswer(
            "the file holds no list of records", place=name, hint="give records: where the list is"
        )
    for number, record in enumerate(found, start=1):
        problem = "" if isinstance(record, dict) else f"element {number} is no object"
        yield Row(number, record if isinstance(record, dict) else {}, problem)


def _parquet(file: IO[bytes], name: str, how: Reading) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    seekable = file if file.seekable() else io.BytesIO(file.read())
    try:
        number = 0
        for batch in pq.ParquetFile(seekable).iter_batches(batch_size=PARQUET_ROWS):
            for record in batch.to_pylist():
                number += 1
                yield Row(number, {key: _plain(value) for key, value in record.items()})
    except pa.ArrowException as error:
        raise GarbledAnswer(
            f"the file is no Parquet ({str(error).splitlines()[0][:120]})",
            place=name,
            hint="have it delivered again",
        ) from None


def _excel(file: IO[bytes], name: str, how: Reading) -> Iterator[Row]:
    import zipfile

    from openpyxl import load_workbook

    try:
        book = load_workbook(io.BytesIO(file.read()), read_only=True, data_only=True)
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise GarbledAnswer(
            f"the file is no workbook ({error})", place=name, hint="save it as .xlsx"
        ) from None
    if how.sheet and how.sheet not in book.sheetnames:
        known = ", ".join(book.sheetnames)
        raise GarbledAnswer(f"there is no sheet {how.sheet!r}", place=name, hint=f"it has {known}")
    sheet = book[how.sheet] if how.sheet else book[book.sheetnames[0]]
    nulls = frozenset(how.nulls)
    header: list[str] = list(how.header)
    for number, cells in enumerate(sheet.iter_rows(values_only=True), start=1):
        values = list(cells)
        while values and values[-1] is None:
            values.pop()
        if not values:
            continue
        if not header:
            header = [
                str(value).strip() if value is not None else f"column_{i}" for i, value in enumerate(values)
            ]
            continue
        if len(values) > len(header):
            yield Row(number, {}, f"row {number} has {len(values)} cells, the header {len(header)}")
            continue
        values += [None] * (len(header) - len(values))
        cells_read = (None if value in nulls else _cell(value) for value in values)
        yield Row(number, dict(zip(header, cells_read, strict=True)))


def _cell(value: Any) -> Any:
    """A cell: sheets know no dates, only instants at midnight."""
    if isinstance(value, datetime) and value.time() == time(0) and value.tzinfo is None:
        return value.date().isoformat()
    return _plain(value)


def _plain(value: Any) -> Any:
    """A value of a typed format as JSON can hold it. NaN is how tables write 'no value'."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Decimal):
        return None if value.is_nan() else format(value, "f")
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return value.hex() if isinstance(value, bytes) else str(value)

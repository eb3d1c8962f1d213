"""Files as a source: each stream is a pattern of files, local or at any fsspec URL, with a declared contract.

    system: files
    account: acme
    settings:
      folder: env:FILES_FOLDER
      streams:
        - name: invoice_lines
          path: billing/invoice_lines-*.csv.gz
          key: [invoice_line_id]
          columns:
            - {name: invoice_line_id, type: string}
            - {name: amount, type: decimal}

A file that did not change is not read again; one that did is read whole, and the rows that it lost are gone. A
file that is no longer there keeps its rows, unless the stream says `removed_files: delete`. Stamps without an
offset are UTC, unless the column names a zone. Rows that cannot be read are quarantined with file and line.
Every record also has `source_file` and `source_row`, which are the key of a stream that declares none.
"""

from __future__ import annotations

import hashlib
import importlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Literal

from pydantic import Field

from connectors.config import ColumnConfig, SourceConfig
from connectors.contract import Column, ColumnType, Contract
from connectors.declared import Declared, settings_of
from connectors.errors import (
    ConfigurationError,
    ConnectionFailed,
    ConnectorError,
    NotFound,
    PermissionMissing,
)
from connectors.file_formats import Reading as Format
from connectors.file_formats import rows_of
from connectors.runtime import Runtime
from connectors.secret import is_reference, resolve
from connectors.stream import (
    Checkpoint,
    Cursor,
    CursorKind,
    DeleteKind,
    Deletes,
    Page,
    Reading,
    Record,
    Stream,
    System,
)

FILE, ROW = "source_file", "source_row"
PAGE_ROWS = 5_000
MAGIC = ("*", "?", "[")
WILDCARD = re.compile(r"(\*\*/|\*\*|\*|\?|\[[^]]+\])")
SAYS_NOTHING_OF_CHANGES = frozenset({"name", "size", "type"})


class FileStream(Declared):
    """One stream of files."""

    name: str = Field(description="the typed table; one named after a neutral table is that table")
    path: str = Field(description="below the folder; `*` and `?` match within a name, `**` any folders")
    columns: tuple[ColumnConfig, ...] = Field(description="what lands of a row, and as what")
    key: tuple[str, ...] = Field((), description="columns that name a row; default: file and line")
    cursor: str = Field("", description="column that says when a row changed; the greater one wins")
    format: Literal["", "csv", "ndjson", "json", "parquet", "excel"] = Field(
        "", description="default: by the end of the file's name"
    )
    delimiter: str = Field(",", description="csv: what stands between two fields")
    header: tuple[str, ...] = Field((), description="names of the fields, where the file has no header")
    encoding: str = Field("utf-8", description="how texts are written")
    nulls: tuple[str, ...] = Field(("",), description="texts that stand for no value")
    sheet: str = Field("", description="excel: the sheet; default: the first")
    records: str = Field("", description="json: path of the list; default: the document itself")
    zone: str = Field("UTC", description="zone of stamps without an offset")
    removed_files: Literal["keep", "delete"] = Field(
        "keep", description="what becomes of the rows of a file that is gone"
    )
    about_people: bool = Field(False, description="even the values of unknown fields stay out")
    description: str = Field("", description="what the rows are, for people")


class FileSettings(Declared):
    """The `settings:` of a files source."""

    kind: str = Field("files", description="what reads it, where the system has another name")
    folder: str = Field(description="folder, fsspec URL, or a reference to one")
    storage: dict[str, str] = Field(default_factory=dict, description="fsspec options; secrets by reference")
    streams: tuple[FileStream, ...] = Field(description="what is read: files of one form each")


def system(source: SourceConfig) -> System:
    """The system that a files source declares.

    Raises:
        ConfigurationError: its settings are wrong.
    """
    settings = settings_of(source, FileSettings)
    streams = tuple(_stream(declared) for declared in settings.streams)
    return System(
        name=source.system,
        streams=streams,
        auth=("none",),
        connect=lambda runtime: Folder.open(settings, runtime),
        check=lambda folder: folder.describe(),
    )


def _stream(declared: FileStream) -> Stream:
    columns = [_column(column.column(), declared.zone) for column in declared.columns]
    key = declared.key or (FILE, ROW)
    for name, kind in ((FILE, ColumnType.STRING), (ROW, ColumnType.INTEGER)):
        if name in key and name not in {column.name for column in columns}:
            columns.append(Column(name, kind, nullable=False))
    cursor = next((column for column in columns if column.name == declared.cursor), None)
    if declared.cursor and cursor is None:
        raise ConfigurationError(f"stream {declared.name!r} has no column {declared.cursor!r} for its cursor")
    form = Format(
        format=declared.format,
        delimiter=declared.delimiter,
        header=declared.header,
        encoding=declared.encoding,
        nulls=declared.nulls,
        sheet=declared.sheet,
        records=declared.records,
    )
    pattern = declared.path

    def read(folder: Folder, reading: Reading) -> Iterator[Page]:
        return _read(folder, pattern, form, reading, forget=declared.removed_files == "delete")

    return Stream(
        name=declared.name,
        contract=Contract(
            columns=tuple(columns),
            key=tuple(key),
            also_lands=(FILE,),
            ignored=(ROW,) if ROW not in key else (),
            about_people=declared.about_people,
        ),
        reader=read,
        cursor=Cursor(cursor.path, CURSOR_KINDS.get(cursor.format, CursorKind.ISO), zone=cursor.zone or "UTC")
        if cursor
        else None,
        parent_field=FILE,
        deletes=Deletes(DeleteKind.WITH_PARENT),
        # A file that changed is read whole anyway; and only what was read before tells which files are gone.
        full_reads=False,
        resumable=False,
        description=declared.description or f"rows of {declared.path}",
    )


CURSOR_KINDS = {"epoch_seconds": CursorKind.EPOCH_SECONDS, "epoch_millis": CursorKind.EPOCH_MILLIS}


def _column(column: Column, zone: str) -> Column:
    return column if column.zone or column.type is not ColumnType.TIMESTAMP else replace(column, zone=zone)


@dataclass(frozen=True)
class Entry:
    """A file as the listing shows it: its path below the folder, and what changes when it changes (empty: nobody
    says).
    """

    path: str
    mark: str


class Folder:
    """A folder of files, local or remote."""

    def __init__(self, root: str, filesystem: Any, runtime: Runtime) -> None:
        self._root = root.rstrip("/")
        self._filesystem = filesystem
        self._runtime = runtime

    @classmethod
    def open(cls, settings: FileSettings, runtime: Runtime) -> Folder:
        """Open the folder that the settings name.

        Raises:
            ConfigurationError: the reference or the URL is wrong.
        """
        folder = resolve(settings.folder).reveal() if is_reference(settings.folder) else settings.folder
        if "://" not in folder:
            return cls(str(Path(folder).expanduser().absolute()), None, runtime)
        url_to_fs = importlib.import_module("fsspec.core").url_to_fs
        options = {
            name: resolve(value).reveal() if is_reference(value) else value
            for name, value in settings.storage.items()
        }
        try:
            filesystem, root = url_to_fs(folder, **options)
        except (ValueError, ImportError) as error:
            scheme = folder.partition("://")[0]
            raise ConfigurationError(
                f"folders of kind {scheme}:// cannot be opened ({type(error).__name__})",
                hint="install the fsspec package for it",
            ) from None
        return cls(str(root), filesystem, runtime)

    def describe(self) -> str:
        """What is there, for people."""
        return f"{len(self.matching('**/*'))} files"

    def matching(self, pattern: str) -> list[Entry]:
        """The files that match, in order of their paths.

        Raises:
            NotFound, PermissionMissing: the folder, or a file that is named in full.
            ConnectionFailed: the storage does not answer.
        """
        self._runtime.before_io(f"list {pattern}")
        try:
            found = self._local(pattern) if self._filesystem is None else self._remote(pattern)
        except PermissionError as error:
            raise PermissionMissing(
                f"{error.filename or self._root} cannot be read", place=pattern, hint="check its permissions"
            ) from None
        if not found and not any(char in pattern for char in MAGIC):
            raise NotFound("there is no such file", place=pattern, hint="check the folder and the path")
        return sorted(found, key=lambda entry: entry.path)

    def _local(self, pattern: str) -> list[Entry]:
        root = Path(self._root)
        if not root.is_dir():
            raise NotFound("there is no such folder", place=self._root, hint="check settings.folder")
        found = []
        for path in root.glob(f"{pattern}/*" if pattern.endswith("**") else pattern):
            if path.is_file() and not path.name.startswith("."):
                stat = path.stat()
                mark = f"{stat.st_size}-{stat.st_mtime_ns}-{stat.st_ctime_ns}-{stat.st_ino}"
                found.append(Entry(path.relative_to(root).as_posix(), mark))
        return found

    def _remote(self, pattern: str) -> list[Entry]:
        try:
            listing = self._filesystem.find(self._root, detail=True)
        except PermissionError:
            raise
        except FileNotFoundError:
            raise NotFound("there is no such folder", place=pattern, hint="check settings.folder") from None
        # Each storage has errors of its own, and their texts may hold keys.
        except Exception as error:
            raise ConnectionFailed(
                f"the storage cannot be listed ({type(error).__name__})",
                place=pattern,
                hint="check settings.folder and settings.storage, or try again later",
            ) from None
        wanted = _matcher(pattern)
        found = []
        for path, info in listing.items():
            inside = path[len(self._root) :].lstrip("/")
            if wanted.fullmatch(inside) and not inside.rpartition("/")[2].startswith("."):
                found.append(Entry(inside, _mark(info)))
        return found

    @contextmanager
    def opened(self, path: str) -> Iterator[IO[bytes]]:
        """A file for reading."""
        self._runtime.before_io(f"open {path}")
        full = f"{self._root}/{path}"
        try:
            file = open(full, "rb") if self._filesystem is None else self._filesystem.open(full, "rb")  # noqa: SIM115
        except FileNotFoundError:
            raise NotFound("the file went away while it was read", place=path, hint="run again") from None
        except OSError as error:
            raise PermissionMissing(
                f"the file cannot be read ({error.strerror})", place=path, hint="check its permissions"
            ) from None
        with file:
            yield file


def _matcher(pattern: str) -> re.Pattern[str]:
    """What a pattern matches: `*` and `?` within a name, `**` any folders, as on a local disk."""
    meant = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = [
        meant.get(part) or (part.replace("[!", "[^", 1) if WILDCARD.fullmatch(part) else re.escape(part))
        for part in WILDCARD.split(pattern)
    ]
    return re.compile("".join(parts))


def _mark(info: Mapping[str, Any]) -> str:
    """What changes when a remote file does; empty where the storage tells no more than its size."""
    told = {name: str(value) for name, value in sorted(info.items()) if name != "name"}
    if not told.keys() - SAYS_NOTHING_OF_CHANGES:
        return ""
    return hashlib.sha256(repr(told).encode()).hexdigest()[:32]


def _read(folder: Folder, pattern: str, form: Format, reading: Reading, *, forget: bool) -> Iterator[Page]:
    """The rows of all files that changed, file by file; `forget`: a removed file takes its rows with it."""
    known: Mapping[str, str] = dict(reading.carry or {})
    entries = folder.matching(pattern)
    marks = {entry.path: entry.mark for entry in entries}
    removed = sorted(set(known) - set(marks))
    if not forget:
        # Their rows stay, and so does the memory of them, in case they come back as they were.
        marks.update({path: known[path] for path in removed})
        removed = []
    for path in removed:
        yield Page(f"removed {path}".encode(), (), {"file": path}, children={path: None})
    for entry in entries:
        if entry.mark and known.get(entry.path) == entry.mark:
            continue
        try:
            yield from _pages(folder, entry, form)
        except ConnectorError as error:
            if not error.place:
                error.at(entry.path)
            raise
    yield Page(b"", (), None, carry=dict(sorted(marks.items())))


def _pages(folder: Folder, entry: Entry, form: Format) -> Iterator[Page]:
    records: list[Record] = []
    refused: dict[int, str] = {}
    number = 0
    whole = True

    def page(*, last: bool) -> Page:
        body = f"{entry.path}@{entry.mark}:{number}".encode()
        checkpoint: Checkpoint = {"file": entry.path, "row": number}
        return Page(
            body,
            records,
            checkpoint,
            refused=refused,
            children=dict.fromkeys([entry.path] if last and whole else ()),
        )

    with folder.opened(entry.path) as file:
        for row in rows_of(file, entry.path, form):
            number = row.number
            if row.problem:
                # A row that cannot be read now may be one that could: nothing of this file is taken for deleted.
                whole = False
                refused[len(records)] = f"{entry.path}: {row.problem}"
            records.append({**row.record, FILE: entry.path, ROW: row.number})
            if len(records) >= PAGE_ROWS:
                yield page(last=False)
                records, refused = [], {}
    yield page(last=True)

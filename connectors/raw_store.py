"""The raw store: what every vendor ever said, append-only, and the source of every replay.

    raw/<system>/<account>/<stream>/load_date=2026-06-15/load_id=01J…/part-00001.ndjson.zst
                                                                     manifest.json

A load is there once its manifest is; parts are written first, each under a temporary name, then fsync and
rename. While a load is open it keeps `checkpoint.json`: what it reads, how far it is, up to which byte of the
open part, so that a process that dies goes on after its last page. Load ids are ULIDs, grow
within a stream, and follow from the clock alone.

Source: connector rules, point 5.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import orjson
import zstandard

from connectors.errors import ConfigurationError, StoreError
from connectors.files_io import fsync_folder, write_durably
from connectors.load_ids import date_of, new_load_id
from connectors.runtime import Runtime

FORMAT = 1
SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]*\Z")
COMPRESSION_LEVEL = 1
FRAME_BYTES = 1 << 18
PART_BYTES = 64 << 20
LARGEST_LINE = 16 << 20


@dataclass(frozen=True)
class StreamId:
    """Which stream of which account of which system."""

    system: str
    account: str
    stream: str

    def __post_init__(self) -> None:
        for kind in ("system", "account", "stream"):
            if not SAFE_NAME.match(getattr(self, kind)):
                raise ConfigurationError(
                    f"{kind} {getattr(self, kind)!r} cannot be a folder's name",
                    hint="use letters, digits, dot, dash and underscore",
                )

    def __str__(self) -> str:
        return f"{self.system}/{self.account}/{self.stream}"


@dataclass(frozen=True)
class Part:
    """One file of a load."""

    path: Path
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """A finished load: where its parts are and what is known about it."""

    id: StreamId
    load_id: str
    path: Path
    content: Mapping[str, Any]

    @property
    def rows(self) -> int:
        """Lines in all parts."""
        return int(self.content["rows"])

    @property
    def unknown(self) -> tuple[str, ...]:
        """Undeclared fields that the load met."""
        return tuple(self.content["drift"]["unknown"])

    @property
    def parts(self) -> tuple[Part, ...]:
        """The files of the load, checked for their size.

        Raises:
            StoreError: a file is missing or shorter than it was.
        """
        parts = []
        for entry in self.content["parts"]:
            path = self.path.parent / entry["file"]
            try:
                size = path.stat().st_size
            except OSError as error:
                raise StoreError(
                    f"part {path} of a finished load cannot be read ({error.strerror})", hint=RESTORE
                ) from None
            if size != entry["bytes"]:
                raise StoreError(
                    f"part {path} has {size} bytes, its manifest says {entry['bytes']}", hint=RESTORE
                )
            parts.append(Part(path, entry["rows"], entry["bytes"], entry["sha256"]))
        return tuple(parts)


RESTORE = "restore the file from a backup, or remove the load's folder and reset the stream"


@dataclass(frozen=True)
class OpenLoad:
    """A load that a process began and did not finish."""

    load_id: str
    folder: Path
    checkpoint: Mapping[str, Any]


class RawStore:
    """All loads below one folder."""

    def __init__(self, root: str | Path, runtime: Runtime) -> None:
        self.root = Path(root)
        self.runtime = runtime

    def folder(self, stream: StreamId) -> Path:
        """The folder of a stream."""
        return self.root / "raw" / stream.system / stream.account / stream.stream

    def streams(self) -> list[StreamId]:
        """Every stream that has a folder, in order."""
        found = sorted((self.root / "raw").glob("*/*/*/"))
        return [StreamId(path.parent.parent.name, path.parent.name, path.name) for path in found]

    def manifests(self, stream: StreamId, after: str = "") -> list[Manifest]:
        """The finished loads of a stream in the order they were made, after (not with) load id `after`.

        Raises:
            StoreError: a manifest cannot be read.
        """
        paths = sorted(self.folder(stream).glob("load_date=*/load_id=*/manifest.json"), key=_load_id)
        return [_read_manifest(stream, path) for path in paths if _load_id(path) > after]

    def last_manifest(self, stream: StreamId) -> Manifest | None:
        """The newest finished load, if there is one."""
        paths = self.folder(stream).glob("load_date=*/load_id=*/manifest.json")
        newest = max(paths, key=_load_id, default=None)
        return _read_manifest(stream, newest) if newest else None

    def last_load_id(self, stream: StreamId) -> str:
        """The id of the newest finished load, or empty."""
        return max(map(_load_id, self.folder(stream).glob("load_date=*/load_id=*/manifest.json")), default="")

    def open_load(self, stream: StreamId) -> OpenLoad | None:
        """The unfinished load that can be gone on with, if there is one."""
        for path in sorted(self.folder(stream).glob("load_date=*/load_id=*/checkpoint.json"), reverse=True):
            if (path.parent / "manifest.json").exists():
                continue
            try:
                return OpenLoad(_load_id(path), path.parent, orjson.loads(path.read_bytes()))
            except (OSError, orjson.JSONDecodeError):
                continue  # begun again instead
        return None

    def begin(self, stream: StreamId) -> LoadWriter:
        """Begin a load; what earlier loads left unfinished is removed first."""
        self.sweep(stream)
        moment = self.runtime.clock()
        load_id = new_load_id(moment, str(stream), self.last_load_id(stream))
        folder = self.folder(stream) / f"load_date={date_of(load_id)}" / f"load_id={load_id}"
        try:
            folder.mkdir(parents=True)
        except OSError as error:
            raise _unwritable(folder, error) from None
        return self._writer(stream, load_id, folder)

    def resume(self, stream: StreamId, load: OpenLoad) -> LoadWriter:
        """Go on with an unfinished load after its last checkpoint."""
        writer = self._writer(stream, load.load_id, load.folder)
        writer.rewind(load.checkpoint["store"])
        return writer

    def _writer(self, stream: StreamId, load_id: str, folder: Path) -> LoadWriter:
        return LoadWriter(stream, load_id, folder, self.runtime)

    def sweep(self, stream: StreamId) -> None:
        """Remove the loads that were never finished."""
        for folder in sorted(self.folder(stream).glob("load_date=*/load_id=*/")):
            if not (folder / "manifest.json").exists():
                self.runtime.before_io(f"remove {folder.name}")
                shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def lock(self, stream: StreamId) -> Iterator[None]:
        """Hold a stream: two processes never write the same one.

        Raises:
            StoreError: another process holds it, or the folder cannot be written.
        """
        folder = self.folder(stream)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            file = (folder / ".lock").open("w")
        except OSError as error:
            raise _unwritable(folder, error) from None
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise StoreError(
                    f"another process is loading {stream}", hint="wait for it to end; a stream has one loader"
                ) from None
            yield


class LoadWriter:
    """The parts of one open load."""

    def __init__(self, stream: StreamId, load_id: str, folder: Path, runtime: Runtime) -> None:
        self.stream = stream
        self.load_id = load_id
        self.folder = folder
        self.rows = 0
        self._runtime = runtime
        self._compressor = zstandard.ZstdCompressor(level=COMPRESSION_LEVEL, write_checksum=True)
        self._closed: list[dict[str, Any]] = []
        self._file: IO[bytes] | None = None
        self._file_rows = 0
        self._file_bytes = 0
        self._buffer: list[bytes] = []
        self._buffer_bytes = 0
        self._buffer_rows = 0

    def append(self, lines: bytes, rows: int) -> None:
        """Add so many lines; they are in the file at the next frame, and last from the next checkpoint on."""
        self._buffer.append(lines)
        self._buffer_bytes += len(lines)
        self._buffer_rows += rows
        self.rows += rows
        if self._buffer_bytes >= FRAME_BYTES:
            self._write_frame()
        if self._file_bytes >= PART_BYTES:
            self._close_part()

    def files(self) -> list[str]:
        """The files of this load as far as it is, flushed so that they can be read."""
        self._write_frame()
        if self._file is not None:
            self._file.flush()
        closed = [str(self.folder / entry["file"]) for entry in self._closed]
        return [*closed, str(self.folder / f"{self._part_name()}.tmp")] if self._file is not None else closed

    def checkpoint(self, content: Mapping[str, Any]) -> None:
        """Make everything appended so far last, together with where to read on."""
        try:
            self._write_frame()
            if self._file is not None:
                self._runtime.before_io("fsync part")
                self._file.flush()
                os.fsync(self._file.fileno())
            store = {
                "closed": self._closed,
                "part_bytes": self._file_bytes,
                "part_rows": self._file_rows,
                "rows": self.rows,
            }
            write_durably(
                self.folder / "checkpoint.json",
                _json({**content, "store": store}),
                before_io=self._runtime.before_io,
            )
        except OSError as error:
            raise _unwritable(self.folder, error) from None

    def rewind(self, store: Mapping[str, Any]) -> None:
        """Go back to a checkpoint: what was written after it is cut off."""
        self._closed = list(store["closed"])
        self.rows = store["rows"]
        names = {entry["file"] for entry in self._closed}
        part = self.folder / self._part_name()
        path = part.with_name(f"{part.name}.tmp")
        try:
            if part.exists():  # it was closed just before the process died
                os.replace(part, path)
            for leftover in self.folder.glob("part-*"):
                if leftover.name not in names and leftover != path:
                    leftover.unlink()
            if store["part_bytes"]:
                self._file = path.open("r+b")
                self._file.truncate(store["part_bytes"])
                self._file.seek(store["part_bytes"])
                self._file_bytes, self._file_rows = store["part_bytes"], store["part_rows"]
        except OSError as error:
            raise _unwritable(self.folder, error) from None

    def commit(self, content: Mapping[str, Any]) -> Manifest:
        """Close the last part and write the manifest: from here on the load is there."""
        try:
            self._close_part()
            manifest = {
                "format": FORMAT,
                "load_id": self.load_id,
                "system": self.stream.system,
                "account": self.stream.account,
                "stream": self.stream.stream,
                "rows": self.rows,
                "parts": self._closed,
                **content,
            }
            path = self.folder / "manifest.json"
            self._publish(path, _json(manifest))
            (self.folder / "checkpoint.json").unlink(missing_ok=True)
        except OSError as error:
            raise _unwritable(self.folder, error) from None
        return Manifest(self.stream, self.load_id, path, manifest)

    def _publish(self, manifest: Path, content: bytes) -> None:
        """Write the manifest; all parts are closed by now."""
        write_durably(manifest, content, before_io=self._runtime.before_io)

    def discard(self) -> None:
        """Remove the load: nothing of it counts."""
        if self._file is not None:
            self._file.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def close(self) -> None:
        """Let go of the open file; the load stays as it is at its last checkpoint."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _part_name(self) -> str:
        return f"part-{len(self._closed) + 1:05d}.ndjson.zst"

    def _write_frame(self) -> None:
        if not self._buffer_rows:
            return
        try:
            if self._file is None:
                self._runtime.before_io("open part")
                self._file = (self.folder / f"{self._part_name()}.tmp").open("wb")
            frame = self._compressor.compress(b"".join(self._buffer))
            self._runtime.before_io("write part")
            self._file.write(frame)
        except OSError as error:
            raise _unwritable(self.folder, error) from None
        self._file_bytes += len(frame)
        self._file_rows += self._buffer_rows
        self._buffer.clear()
        self._buffer_bytes = self._buffer_rows = 0

    def _close_part(self) -> None:
        self._write_frame()
        if self._file is None:
            return
        self._runtime.before_io("fsync part")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._file = None
        name = self._part_name()
        open_path = self.folder / f"{name}.tmp"
        with open_path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        self._runtime.before_io("rename part")
        os.replace(open_path, self.folder / name)
        fsync_folder(self.folder)
        entry = {"file": name, "rows": self._file_rows, "bytes": self._file_bytes, "sha256": digest}
        self._closed.append(entry)
        self._file_rows = self._file_bytes = 0


def _load_id(path: Path) -> str:
    return path.parent.name.removeprefix("load_id=")


def _json(content: Mapping[str, Any]) -> bytes:
    return orjson.dumps(
        content, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
    )


def _read_manifest(stream: StreamId, path: Path) -> Manifest:
    try:
        content = orjson.loads(path.read_bytes())
        load_id = content["load_id"]
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError):
        raise StoreError(f"manifest {path} cannot be read", hint=RESTORE) from None
    return Manifest(stream, load_id, path, content)


def _unwritable(folder: Path, error: OSError) -> StoreError:
    return StoreError(
        f"{folder} cannot be written ({error.strerror or type(error).__name__})",
        hint="check space and permissions; the next run goes on from the last checkpoint",
    )

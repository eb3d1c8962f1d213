"""Named objects below one URL of an object storage: get, put, list, delete.

    objects = Objects("s3://company-raw/vitals?region=eu-central-1")
    objects.put("raw/jira/main/issues/…/manifest.json", content)

`s3://`, `gs://` and `abfs://` are read by Arrow, which is in every installation; what Arrow does not know
(`sftp://`, `hdfs://`, …) by fsspec with the driver of that scheme. Credentials come from where the cloud's own tools
take them (environment, role of the machine or of the pod), never from the URL.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
from pyarrow import fs

from connectors.errors import ConfigurationError, StoreError

CHUNK = 8 << 20
UNFINISHED = ".tmp"
OWN_SCHEMES = ("s3", "gs", "gcs", "abfs", "abfss")


@dataclass(frozen=True)
class Found:
    """An object in a listing: its name below the URL, its bytes, and when it was written."""

    name: str
    size: int
    at: datetime


def is_object_url(place: str) -> bool:
    """Does this name an object storage, and not a folder?"""
    return "://" in place


class Objects:
    """The objects below one URL. An object is there whole or not at all, and is never changed while it is read."""

    def __init__(self, url: str) -> None:
        """
        Raises:
            ConfigurationError: the URL holds a password, or cannot be understood; names what to write.
        """
        parts = urlsplit(url)
        self.url = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        if "@" in parts.netloc and parts.scheme not in ("abfs", "abfss"):
            raise ConfigurationError(
                f"the URL of {self.url} holds credentials",
                hint="leave them out: they are taken from the environment, as the cloud's own tools do",
            )
        self._files, base = _filesystem(url, parts.scheme)
        self._base = base.rstrip("/")
        self._has_folders = parts.scheme not in OWN_SCHEMES

    def __repr__(self) -> str:
        return f"Objects({self.url!r})"

    def get(self, name: str) -> bytes | None:
        """The content of an object; None where there is none."""
        with self._told("read", name):
            try:
                with self._files.open_input_stream(self._path(name), compression=None) as file:
                    content: bytes = file.read()
            except FileNotFoundError:
                return None
        return content

    def put(self, name: str, content: bytes) -> None:
        """Write an object whole; a reader sees the old one or the new one."""
        with self._told("written", name), self._written(name) as file:
            file.write(content)

    def send(self, file: Path, name: str) -> None:
        """Write the content of a local file as an object."""
        with (
            self._told("written", name),
            file.open("rb") as source,
            self._written(name) as target,
        ):
            while chunk := source.read(CHUNK):
                target.write(chunk)

    def fetch(self, name: str, file: Path) -> None:
        """Copy an object into a local file, which is whole once it has its name."""
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
        with self._told("read", name):
            try:
                with (
                    self._files.open_input_stream(self._path(name), compression=None) as source,
                    temporary.open("wb") as target,
                ):
                    while chunk := source.read(CHUNK):
                        target.write(chunk)
                os.replace(temporary, file)
            finally:
                temporary.unlink(missing_ok=True)

    def list(self, prefix: str) -> list[Found]:
        """Every object below a folder, by name."""
        base = len(self._base) + 1
        with self._told("listed", prefix):
            found = self._files.get_file_info(
                fs.FileSelector(self._path(prefix), allow_not_found=True, recursive=True)
            )
        return sorted(
            (
                Found(info.path[base:], info.size, info.mtime or datetime.fromtimestamp(0, UTC))
                for info in found
                if info.type == fs.FileType.File and not info.path.endswith(UNFINISHED)
            ),
            key=lambda one: one.name,
        )

    def delete(self, name: str) -> None:
        """Remove an object; none there is no failure."""
        with self._told("removed", name):
            try:
                self._files.delete_file(self._path(name))
            except FileNotFoundError:
                return

    def _path(self, name: str) -> str:
        return f"{self._base}/{name}".rstrip("/")

    @contextmanager
    def _written(self, name: str) -> Iterator[Any]:
        """A file to write an object into. In an object storage it is there when it is closed; elsewhere it gets its
        name then."""
        path = self._path(name)
        if not self._has_folders:
            with self._files.open_output_stream(path, compression=None) as file:
                yield file
            return
        self._files.create_dir(path.rpartition("/")[0], recursive=True)
        with self._files.open_output_stream(f"{path}{UNFINISHED}", compression=None) as file:
            yield file
        self._files.move(f"{path}{UNFINISHED}", path)

    @contextmanager
    def _told(self, verb: str, name: str) -> Iterator[None]:
        try:
            yield
        except (OSError, pa.ArrowException) as error:
            raise StoreError(
                f"{self.url}/{name} cannot be {verb} ({str(error).splitlines()[0]})",
                hint="check the bucket, its credentials and the network; the next run goes on from what is there",
            ) from None


def _filesystem(url: str, scheme: str) -> tuple[Any, str]:
    try:
        if scheme in OWN_SCHEMES:
            return fs.FileSystem.from_uri(url)  # type: ignore[no-any-return]
        from fsspec.core import url_to_fs  # type: ignore[import-untyped]

        driver, base = url_to_fs(url)
        return fs.PyFileSystem(fs.FSSpecHandler(driver)), base
    except (OSError, ValueError, ImportError, pa.ArrowException) as error:
        raise ConfigurationError(
            f"{urlsplit(url).scheme}:// storage cannot be opened ({str(error).splitlines()[0]})",
            hint="write s3://bucket/prefix?region=…, gs://bucket/prefix or abfs://container@account/prefix; "
            "another scheme needs its fsspec driver installed",
        ) from None

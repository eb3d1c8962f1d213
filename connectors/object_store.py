"""The raw store and the streams' state in object storage: for loads that run on more than one machine.

    <url>/raw/<system>/<account>/<stream>/load_date=2026-06-15/load_id=01J…/part-00001.ndjson.zst
                                                                       manifest.json
    <url>/state/<system>/<account>/<stream>/<configuration>.json

An object cannot be renamed or appended to, so a load is written in a local folder, checkpoints and all, and sent when
it is closed: its parts first, its manifest last. A load is there once its manifest is, so that a process that dies in
between leaves objects that nobody reads; they are removed after `ABANDONED`. A load that a process left open is gone
on with on its own machine, and begun again on any other.

The local folder is also the cache of what was read: what is finished never changes, so it is fetched once, compared
with its hash, and can be deleted at any time. Nothing in the storage is ever changed.

Source: connector rules, point 5.
"""

from __future__ import annotations

import base64
import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import orjson

from connectors.errors import StoreError
from connectors.objects import Found, Objects
from connectors.raw_store import RESTORE, LoadWriter, Manifest, OpenLoad, Part, RawStore, StreamId
from connectors.runtime import Runtime
from connectors.state import RESET, StateStore, StreamState

ABANDONED = timedelta(days=2)
"""How old the objects of a load without manifest must be before they are removed: longer than any load takes."""
AT_ONCE = 8
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class ObjectManifest(Manifest):
    """A finished load whose parts are fetched when they are first asked for."""

    objects: Objects
    folder: str

    @property
    def parts(self) -> tuple[Part, ...]:
        """The files of the load, on this machine, as their hashes say.

        Raises:
            StoreError: one is missing, or not what the manifest says.
        """
        for entry in self.content["parts"]:
            file = self.path.parent / entry["file"]
            if file.exists() and file.stat().st_size == entry["bytes"]:
                continue
            self.objects.fetch(f"{self.folder}/{entry['file']}", file)
            with file.open("rb") as content:
                digest = hashlib.file_digest(content, "sha256").hexdigest()
            if digest != entry["sha256"]:
                file.unlink()
                raise StoreError(
                    f"part {self.objects.url}/{self.folder}/{entry['file']} is not what its manifest says",
                    hint=RESTORE,
                )
        return super().parts


class ObjectRawStore(RawStore):
    """All loads below one URL; `spool` is the local folder of open loads and of what was read."""

    def __init__(self, objects: Objects, spool: str | Path, runtime: Runtime) -> None:
        super().__init__(spool, runtime)
        self.objects = objects

    def streams(self) -> list[StreamId]:
        names = {tuple(found.name.split("/")[1:4]) for found in self.objects.list("raw") if _is_load(found)}
        return [StreamId(*name) for name in sorted(names)]

    def manifests(self, stream: StreamId, after: str = "") -> list[Manifest]:
        names = [name for name in self._finished(stream) if _load_id(name) > after]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(lambda name: self._manifest(stream, name), names))

    def last_manifest(self, stream: StreamId) -> Manifest | None:
        names = self._finished(stream)
        return self._manifest(stream, names[-1]) if names else None

    def last_load_id(self, stream: StreamId) -> str:
        return max(map(_load_id, self._finished(stream)), default="")

    def open_load(self, stream: StreamId) -> OpenLoad | None:
        found = super().open_load(stream)
        # Sent whole by a process that died before it said so here, or overtaken by a load of another machine: readers
        # go on after the newest load, and would never come back to this one.
        if found is not None and found.load_id <= self.last_load_id(stream):
            return None
        return found

    def sweep(self, stream: StreamId) -> None:
        """Remove loads that were never finished: here all, in the storage those that nobody can be writing."""
        super().sweep(stream)
        listing = self.objects.list(_prefix(stream))
        finished = {_folder(found.name) for found in listing if _is_load(found)}
        before = self.runtime.clock() - ABANDONED
        for found in listing:
            if _folder(found.name) not in finished and found.at < before:
                self.runtime.before_io(f"remove {found.name}")
                self.objects.delete(found.name)

    def _finished(self, stream: StreamId) -> list[str]:
        """The manifests of a stream, oldest first."""
        listing = self.objects.list(_prefix(stream))
        return sorted((found.name for found in listing if _is_load(found)), key=_load_id)

    def _manifest(self, stream: StreamId, name: str) -> ObjectManifest:
        path = self.root / name
        for _ in range(2):
            if not path.exists():
                self.objects.fetch(name, path)
            try:
                known = orjson.loads(path.read_bytes())
                return ObjectManifest(stream, known["load_id"], path, known, self.objects, _folder(name))
            except (OSError, orjson.JSONDecodeError, KeyError, TypeError):
                # The copy is broken, or was just removed: it is fetched once more.
                path.unlink(missing_ok=True)
        raise StoreError(f"manifest {self.objects.url}/{name} cannot be read", hint=RESTORE)

    def _writer(self, stream: StreamId, load_id: str, folder: Path) -> LoadWriter:
        return ObjectLoadWriter(stream, load_id, folder, self.runtime, self.objects)


class ObjectLoadWriter(LoadWriter):
    """A load that is written here and sent when it is closed."""

    def __init__(
        self, stream: StreamId, load_id: str, folder: Path, runtime: Runtime, objects: Objects
    ) -> None:
        super().__init__(stream, load_id, folder, runtime)
        self._objects = objects

    def commit(self, content: dict[str, object]) -> Manifest:  # type: ignore[override]
        made = super().commit(content)
        return ObjectManifest(
            made.id, made.load_id, made.path, made.content, self._objects, self._remote_folder()
        )

    def _publish(self, manifest: Path, content: bytes) -> None:
        """Parts, then the manifest in the storage, then the manifest here: each step leaves a whole load or none."""
        folder = self._remote_folder()
        for entry in self._closed:
            self._runtime.before_io(f"send {entry['file']}")
            self._objects.send(self.folder / entry["file"], f"{folder}/{entry['file']}")
        self._runtime.before_io("send manifest")
        if self._objects.get(f"{folder}/{MANIFEST}") is not None:
            raise StoreError(
                f"load {self.load_id} of {self.stream} is in {self._objects.url} already",
                hint="two machines loaded the stream at the same instant; run again",
            )
        self._objects.put(f"{folder}/{MANIFEST}", content)
        super()._publish(manifest, content)

    def _remote_folder(self) -> str:
        return f"{_prefix(self.stream)}/{self.folder.parent.name}/{self.folder.name}"


class ObjectStateStore(StateStore):
    """What streams remember, an object for each stream and configuration."""

    def __init__(self, objects: Objects, runtime: Runtime) -> None:
        super().__init__(Path(objects.url), runtime.before_io)
        self._objects = objects
        self._runtime = runtime

    def get(self, stream: StreamId, config_hash: str) -> StreamState | None:
        content = self._objects.get(_state(stream, config_hash))
        if content is None:
            return None
        known = orjson.loads(content)
        recent = known["recent"]
        digests = None if recent is None else frozenset(map(base64.b64decode, recent))
        return replace(StreamState.from_json(known["state"], known["load_id"]), recent=digests)

    def put(self, stream: StreamId, config_hash: str, state: StreamState) -> None:
        recent = (
            None if state.recent is None else [base64.b64encode(one).decode() for one in sorted(state.recent)]
        )
        self._before_io("write state")
        self._objects.put(
            _state(stream, config_hash),
            orjson.dumps({"load_id": state.load_id, "state": state.as_json(), "recent": recent}),
        )

    def has_other(self, stream: StreamId, config_hash: str) -> bool:
        return bool(self._configurations(stream) - {config_hash, RESET})

    def reset(self, stream: StreamId, last_load_id: str) -> int:
        known = self._configurations(stream)
        # What counts from now on first: a process that dies in between forgets too little, never too much.
        self.put(stream, RESET, StreamState(load_id=last_load_id))
        for name in sorted(known - {RESET}):
            self._objects.delete(_state(stream, name))
        return len(known)

    def _configurations(self, stream: StreamId) -> set[str]:
        folder = f"state/{stream}"
        return {Path(found.name).stem for found in self._objects.list(folder)}


def _prefix(stream: StreamId) -> str:
    return f"raw/{stream}"


def _state(stream: StreamId, config_hash: str) -> str:
    return f"state/{stream}/{config_hash}.json"


def _folder(name: str) -> str:
    return name.rpartition("/")[0]


def _load_id(name: str) -> str:
    return _folder(name).rpartition("load_id=")[2]


def _is_load(found: Found) -> bool:
    return found.name.endswith(f"/{MANIFEST}")

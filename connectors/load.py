"""One load of one stream: plan the window, land the pages, find what vanished, commit, remember.

    plan → pages → deletions → parts, manifest, state

Whatever goes wrong, the state has not moved past anything unread: parts are written first, then the manifest,
then the state. A load that breaks off goes on after its last page when it is run again.

Source: connector rules, points 2 to 5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson

from connectors.collector import seldom_collecting
from connectors.deletions import judge, whole_parents
from connectors.errors import CheckpointExpired, ConnectorError, ProtocolError, SourceCheckFailed
from connectors.http import HttpClient
from connectors.known_keys import KnownKeys, changed_parents
from connectors.landing import Landing
from connectors.lateness import Lateness, lateness, next_watermark, recent_digests
from connectors.load_report import Report, Tally, Task, judged
from connectors.paging import read_listing
from connectors.plan import Plan, plan_load
from connectors.raw_store import LoadWriter
from connectors.reading import pages_of
from connectors.result import Drift, LoadResult, Progress
from connectors.state import StreamState
from connectors.stream import Checkpoint, DeleteKind, Page, Reader, Reading, Window
from connectors.traffic import Traffic

RESTARTS = 2
CHECKPOINT_SHARE = 20
SHORT = "short"


def run_load(task: Task) -> LoadResult:
    """Load a stream once.

    Raises:
        ConnectorError: nothing was committed.
    """
    state = _remembered(task)
    notes: list[str] = []
    if state is None and task.states.has_other(task.id, task.config_hash):
        notes.append("the query changed: the stream is read from the beginning")
    for attempt in range(RESTARTS + 1):
        load = _Load(task, state or StreamState(), notes)
        try:
            with seldom_collecting():
                return load.run()
        except CheckpointExpired as error:
            load.writer.discard()
            if attempt == RESTARTS:
                raise error.at(str(task.id)) from None
            notes.append("a page token had expired: the window was read again from its start")
        except (ProtocolError, SourceCheckFailed) as error:
            load.writer.discard()
            raise error.at(str(task.id)) from None
        except ConnectorError as error:
            load.save()
            raise error.at(str(task.id)) from None
        finally:
            load.writer.close()
    raise AssertionError("unreachable")


def _remembered(task: Task) -> StreamState | None:
    """The state of the stream: its row, or what the newest manifest says if the row was not written any more."""
    state = task.states.get(task.id, task.config_hash)
    newest = task.store.last_manifest(task.id)
    reflected = max(state.load_id if state else "", task.states.forgotten(task.id))
    if newest is None or newest.load_id <= reflected or newest.content["config_hash"] != task.config_hash:
        return state
    return StreamState.from_json(newest.content["state"], newest.load_id)


class _Load:
    """One attempt at a load."""

    def __init__(self, task: Task, state: StreamState, notes: Sequence[str]) -> None:
        self.task = task
        self.stream = task.stream
        self.state = state
        self.warnings = list(notes)
        self.failed_checks: list[str] = []
        self.began = _traffic(task.connection)
        self.landing = self._new_landing()
        self.tally = Tally(carry=_carry(state))
        self.plan, self.writer, self._resume = self._begin()
        self.deletes_read = False
        self._checkpoint: dict[str, Any] | None = None
        self._next_save = task.runtime.monotonic() + task.settings.checkpoint_seconds

    def run(self) -> LoadResult:
        parents = self._parents()
        if self._not_due() or (self.stream.parent and not parents):
            self.writer.discard()
            if not self._not_due():
                self.task.states.put(
                    self.task.id, self.task.config_hash, self._next_state(self.state.watermark)
                )
            return self._report(Drift(), Lateness()).result(None, self.state.watermark)
        if self._resume is None or not self._resume["main_done"]:
            self._read_main(parents)
        self._read_deletions()
        return self._commit()

    # Beginning ---------------------------------------------------------------------------------------------

    def _begin(self) -> tuple[Plan, LoadWriter, Mapping[str, Any] | None]:
        task, now = self.task, self.task.runtime.clock()
        unfinished = task.store.open_load(task.id) if self.stream.resumable else None
        if unfinished is not None:
            plan = Plan.from_json(unfinished.checkpoint["plan"])
            young = now - plan.started_at < timedelta(hours=task.settings.resume_hours)
            if plan.config_hash == task.config_hash and young:
                writer = task.store.resume(task.id, unfinished)
                self.tally = Tally(**unfinished.checkpoint["tally"])
                self.landing.restore(unfinished.checkpoint["landing"])
                return plan, writer, unfinished.checkpoint
        parent = replace(task.id, stream=self.stream.parent) if self.stream.parent else None
        plan = plan_load(
            self.stream,
            self.state,
            config_hash=task.config_hash,
            now=now,
            settings=task.settings,
            parents_upto=task.store.last_load_id(parent) if parent else "",
        )
        return plan, task.store.begin(task.id), None

    def _not_due(self) -> bool:
        every, last = self.stream.every, self.state.read_until
        begun = self._resume is not None
        return not begun and every is not None and last is not None and self.plan.started_at - last < every

    def _new_landing(self) -> Landing:
        return Landing(
            self.stream, future_seconds=self.task.settings.future_seconds, hash_key=self.task.hash_key
        )

    def _parents(self) -> list[str]:
        """The keys of the parents that changed since this stream last looked."""
        if not self.stream.parent:
            return []
        loads = self.task.store.manifests(
            replace(self.task.id, stream=self.stream.parent), after=self.plan.parents_after
        )
        changed = changed_parents(
            (load for load in loads if load.load_id <= self.plan.parents_upto), self.task.engine
        )
        return sorted({*changed, *self._short_before()})

    def _short_before(self) -> Sequence[str]:
        """The parents that came without all their children in the load before."""
        found: Sequence[str] = (_carry(self.state) or {}).get(SHORT, ())
        return found

    # Pages -------------------------------------------------------------------------------------------------

    def _read_main(self, parents: Sequence[str]) -> None:
        reader = self.stream.reader or read_listing
        resume = self._resume["resume"] if self._resume else None
        self._land(reader, self._reading(parents, resume))
        if not self._short_by():
            return
        # Rows that move between pages while they are read can fall through; a second pass finds them.
        self.warnings.append(f"{self._short_by()} rows of the vendor's count did not come: read twice")
        self.tally.total = None
        self._land(reader, self._reading(parents, None))
        if short := self._short_by():
            raise SourceCheckFailed(
                f"the vendor counts {self.tally.total} rows, and {short} of them did not come",
                hint="a page is missing; nothing was kept; run again",
            )

    def _land(self, reader: Reader, reading: Reading) -> None:
        for page in pages_of(reader, self.task.connection, reading):
            self._land_page(page)
            last = page.checkpoint is None
            if not last or not self.stream.exact_total:
                self._mark(page.checkpoint, main_done=last)
            del page  # or it would live on while the next one is parsed, and that takes half as long again

    def _land_page(self, page: Page) -> None:
        number, landing = len(self.tally.pages), self.landing
        if isinstance(self.task.connection, HttpClient):
            landing.skew_seconds = self.task.connection.traffic.clock_skew_seconds
        rows = len(page.records)
        self.writer.append(landing.block(page, number, self.task.runtime.clock()), rows)
        self.tally.note(page, rows)
        if self.plan.mode == "full" and landing.seen.last_cursor:
            # Nothing was read before that could have come late: only the next load asks.
            landing.look_back_from(
                next_watermark(
                    self.stream, self.plan, self.state, landing.seen.last_cursor, self.task.settings
                )
            )
        landing.trim_recent(self.task.settings.recent_rows)
        if self.task.progress:
            self.task.progress(Progress(self.stream.name, landing.seen.rows, number + 1, page.total))

    def _reading(self, parents: Sequence[str], resume: Checkpoint | None) -> Reading:
        return Reading(
            stream=self.stream,
            window=self.plan.window,
            options=self.stream.options,
            resume=resume,
            parents=parents,
            carry=None if self.plan.mode == "full" else self.tally.carry,
            now=self.plan.started_at,
            decoder=self.landing.decoder,
        )

    def _short_by(self) -> int:
        """How many rows of the vendor's total are missing; 0 where it gives none."""
        if not self.stream.exact_total or self.tally.total is None:
            return 0
        if self.landing.seen.rows < self.tally.total or len(self.tally.pages) == 1:
            return max(0, self.tally.total - self.landing.seen.rows)
        # Enough lines came, but the same row may have come on two pages.
        return max(0, self.tally.total - self._known().landed())

    # Deletions ---------------------------------------------------------------------------------------------

    def _read_deletions(self) -> None:
        rule = self.stream.deletes
        if (rule.read or rule.keys) and self._deletes_due():
            self.deletes_read = True
            if rule.read:
                for page in pages_of(rule.read, self.task.connection, self._deletes_reading()):
                    self._land_page(page)
            if rule.keys:
                self._reconcile(rule.keys)
        if rule.kind is DeleteKind.SNAPSHOT:
            self._bury_checked(self._known().alive_but_not_landed())
        if self.tally.gone:
            self._bury(sorted(set(self.tally.gone)))
        if self.stream.parent_field:
            self._bury_children()

    def _deletes_due(self) -> bool:
        every, last = self.stream.deletes.every, self.state.deletes_read_at
        return every is None or last is None or self.plan.started_at - last >= every

    def _deletes_reading(self) -> Reading:
        """Deletions are asked for since they were last asked for, less the overlap."""
        last = self.state.deletes_read_at
        start = last - max(self.stream.overlap, timedelta(hours=1)) if last else None
        return replace(self._reading((), None), window=Window(start, self.plan.window.end), carry=None)

    def _reconcile(self, read: Reader) -> None:
        """Compare all keys that the vendor lists with those that are known: some vanished, some never came."""
        if self._known().is_empty:
            return
        listed = self._listed(read)
        missing = self._known().neither_alive_nor_landed(listed)
        if missing:
            self.warnings.append(
                f"{len(missing)} rows that the vendor lists had never come: all was read again"
            )
            whole = replace(self._reading((), None), window=Window(None, self.plan.window.end), carry=None)
            self._land(self.stream.reader or read_listing, whole)
        vanished = self._known().alive_but_not_in(listed)
        if vanished:
            # A key can slip from page to page while records change; it does not do so twice.
            listed = self._listed(read)
            vanished = [key for key in vanished if key not in listed]
        self._bury_checked(vanished)

    def _listed(self, read: Reader) -> set[str]:
        listing = self._new_landing()
        reading = replace(self._reading((), None), decoder=None)
        pages = pages_of(read, self.task.connection, reading)
        return {key for page in pages for key in listing.keys(page)}

    def _bury_checked(self, keys: Sequence[str]) -> None:
        verdict = judge(keys, self._known(), self.task.settings)
        if verdict.failed_check:
            self.failed_checks.append(verdict.failed_check)
            self.deletes_read = False
            if self.stream.parent_field:
                # What lost its rows is not remembered as read, so that the next load looks at it again.
                self.tally.carry = _carry(self.state)
        self._bury(verdict.keys)

    def _bury(self, keys: Sequence[str]) -> None:
        if not keys:
            return
        moment = self.task.runtime.clock()
        for last in self._known().last_known(keys):
            line = self.landing.tombstone(last.key, last.parent, last.cursor, last.data, moment)
            self.writer.append(line, 1)

    def _bury_children(self) -> None:
        known = self._known()
        capped = set(self.tally.capped)
        whole, partial = whole_parents(self.tally.children, known.landed_by_parent(), self.tally.capped)
        self.tally.capped = partial
        if self.stream.parent:
            # What the vendor kept back it may give the next time; it is asked for once more, and not for ever.
            short = set(partial) - capped - set(self._short_before())
            self.tally.carry = {SHORT: sorted(short)} if short else None
        if partial:
            self.warnings.append(
                f"{len(partial)} of {len(self.tally.children)} {self.stream.parent or 'files'} came without all"
                f" their {self.stream.name}: what was known of them is kept"
            )
        if self.stream.deletes.kind is DeleteKind.WITH_PARENT and not known.is_empty:
            gone = known.alive_but_not_landed(whole)
            if self.stream.parent:
                self._bury(gone)  # the vendor counts what is left
            else:
                self._bury_checked(gone)

    def _known(self) -> KnownKeys:
        return KnownKeys(self.task.store, self.task.id, self.writer.files(), self.task.engine)

    # Checkpoints -------------------------------------------------------------------------------------------

    def _mark(self, resume: Checkpoint | None, *, main_done: bool) -> None:
        if not self.stream.resumable:
            return
        self._checkpoint = {"resume": resume, "main_done": main_done}
        monotonic = self.task.runtime.monotonic
        began = monotonic()
        if began >= self._next_save:
            self.save()
            # A checkpoint that takes long is written less often.
            took = monotonic() - began
            self._next_save = monotonic() + max(
                self.task.settings.checkpoint_seconds, CHECKPOINT_SHARE * took
            )

    def save(self) -> None:
        """Make the progress last; a load that has none is removed."""
        if self._checkpoint is None:
            if self._resume is None:
                self.writer.discard()
            return
        tally = {name: getattr(self.tally, name) for name in self.tally.__dataclass_fields__}
        self.writer.checkpoint(
            {**self._checkpoint, "plan": self.plan.as_json(), "tally": tally, "landing": self.landing.saved()}
        )

    # Commit ------------------------------------------------------------------------------------------------

    def _commit(self) -> LoadResult:
        seen, task = self.landing.seen, self.task
        late = lateness(self.stream, self.plan, self.state, self.landing.recent)
        watermark = next_watermark(self.stream, self.plan, self.state, seen.last_cursor, task.settings)
        drift = Drift(tuple(sorted(seen.unknown)), self.landing.missing)
        warnings, failed_checks = judged(self.stream, task.settings, seen, drift, late)
        self.warnings += warnings
        self.failed_checks += failed_checks
        state = self._next_state(watermark)
        manifest = None
        if self.writer.rows:
            manifest = self.writer.commit(self._report(drift, late).manifest(state))
            state = replace(state, load_id=manifest.load_id)
        else:
            self.writer.discard()
        task.states.put(task.id, task.config_hash, state)
        return self._report(drift, late).result(manifest, watermark)

    def _next_state(self, watermark: str) -> StreamState:
        plan, settings = self.plan, self.task.settings
        recent = recent_digests(self.stream, self.landing.recent, watermark, settings)
        return StreamState(
            watermark=watermark,
            read_until=plan.started_at,
            load_id=self.state.load_id,
            parent_load_id=plan.parents_upto,
            recent=recent if self.landing.recent_is_whole else None,
            checkpoint=orjson.dumps(self.tally.carry).decode() if self.tally.carry else "",
            deletes_read_at=plan.started_at if self.deletes_read else self.state.deletes_read_at,
            full_read_at=plan.started_at if plan.mode == "full" else self.state.full_read_at,
            updated_at=self.task.runtime.clock(),
        )

    def _traffic(self) -> Traffic:
        """What the client did for this load."""
        return _traffic(self.task.connection).since(self.began)

    def _report(self, drift: Drift, late: Lateness) -> Report:
        return Report(
            task=self.task,
            plan=self.plan,
            before=self.state,
            seen=self.landing.seen,
            tally=self.tally,
            drift=drift,
            late=late,
            traffic=self._traffic(),
            resumed=self._resume is not None,
            warnings=tuple(self.warnings),
            failed_checks=tuple(self.failed_checks),
        )


def _carry(state: StreamState) -> Checkpoint | None:
    """What the load before handed on."""
    carry: Checkpoint | None = orjson.loads(state.checkpoint) if state.checkpoint else None
    return carry


def _traffic(connection: Any) -> Traffic:
    """What the client has done so far; a connection that is no HTTP client has no traffic."""
    return connection.traffic.copy() if isinstance(connection, HttpClient) else Traffic()

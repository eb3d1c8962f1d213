"""Progress of loads on the terminal: one line for each stream, with its rows, its rate and its waits."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from connectors.config import SourceConfig
from connectors.errors import ConnectorError
from connectors.result import LoadResult
from connectors.result import Progress as News
from connectors.sync import SourceResult


@dataclass
class _Line:
    """A stream that is being read."""

    task: TaskID
    stream: str
    rows: int = 0
    waited: float = 0.0


class SyncBars:
    """Shows loads of several sources at once; its methods may be called from any thread.

    with SyncBars(console) as bars:
        sync_sources(..., progress=bars.moved, ended=bars.ended)
    """

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        self._bars = Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description}"),
            BarColumn(bar_width=16),
            TextColumn("{task.fields[rows]}", justify="right"),
            TextColumn("{task.fields[rate]}", justify="right"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}", style="dim"),
            console=console,
            disable=quiet,
        )
        self._lines: dict[str, _Line] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> SyncBars:
        self._bars.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bars.stop()

    def moved(self, source: SourceConfig, news: News) -> None:
        """A page landed, or a wait is over."""
        with self._lock:
            place = f"{source.label}/{source.account}"
            line = self._lines.get(place)
            if news.waiting_seconds:
                if line is not None:
                    line.waited += news.waiting_seconds
                    note = f"waited {line.waited:.0f} s: {news.reason}"
                    self._bars.update(line.task, note=note)
                return
            if line is None or line.stream != news.stream:
                if line is not None:
                    self._complete(line)
                line = _Line(self._added(source, news.stream), news.stream)
                self._lines[place] = line
            line.rows = news.rows
            self._bars.update(
                line.task,
                completed=news.rows,
                total=max(news.total, news.rows) if news.total is not None else None,
                rows=f"{news.rows:,} rows",
                rate=self._rate(line),
            )

    def ended(self, source: SourceConfig, result: SourceResult | ConnectorError) -> None:
        """A source is through: its last stream is complete; streams that brought no page get their line now."""
        with self._lock:
            line = self._lines.pop(f"{source.label}/{source.account}", None)
            if line is not None:
                self._complete(line)

    def _added(self, source: SourceConfig, stream: str) -> TaskID:
        return self._bars.add_task(f"{source.label}/{stream}", total=None, rows="", rate="", note="")

    def _rate(self, line: _Line) -> str:
        elapsed = self._bars.tasks[self._bars.task_ids.index(line.task)].elapsed or 0.0
        return f"{line.rows / elapsed:,.0f}/s" if elapsed >= 0.5 else ""

    def _complete(self, line: _Line) -> None:
        rows = max(line.rows, 1)
        self._bars.update(line.task, completed=rows, total=rows, rate=self._rate(line))


def outcome(source: SourceConfig, result: SourceResult | ConnectorError) -> list[dict[str, object]]:
    """What became of a source, one row for each stream that was tried."""
    place = {"source": source.label, "account": source.account}
    if isinstance(result, ConnectorError):
        return [{**place, "stream": "", "state": "failed", "rows": 0, "said": str(result)}]
    rows = [{**place, "stream": load.stream, **_facts(load)} for load in result.loads]
    for stream, error in result.failures:
        rows.append({**place, "stream": stream, "state": "failed", "rows": 0, "said": str(error)})
    return rows


def _facts(load: LoadResult) -> dict[str, object]:
    said = "; ".join((*load.failed_checks, *load.warnings))
    return {"state": "ok" if load.ok else "check failed", "said": said, **load.metadata()}

"""From a vendor's pages to typed rows in the warehouse: rows per CPU-second beside the floor and dlt, in one run.

    python -m benchmarks.connectors.speed --rows 500000 --dlt /tmp/dltvenv/bin/python
    python -m benchmarks.connectors.speed --http …      # pages come over loopback from a server in another process

Each contender is a process of its own and counts its CPU, children included, and its peak; contenders take turns in
`--rounds` rounds and the best of each counts. The same pages go into all of them.

- floor: read the pages and parse them with orjson, nothing else;
- floor json: the same with the parser of the standard library;
- ours: allow-list, keys, cursors, raw store with manifest and state, then typed columns, quarantine and upsert into
  DuckDB, as the pipeline does it;
- dlt: see `dlt_load.py`; nothing lands raw, nothing is checked.

Goals: 0.4 of the floor, 2.5 times dlt, peak under 400 MiB.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

from benchmarks.connectors.issues import PER_PAGE, pages, write_pages

DICT_SHARE = 20
OWN = ("floor", "floor json", "ours")
DLT_MODES = ("arrow", "arrow-hand", "dict")


def floor(path: Path, url: str, parse: Callable[[bytes], Any] = orjson.loads) -> tuple[int, dict[str, float]]:
    """Read and parse."""
    rows = 0
    if url:
        import requests

        session, token = requests.Session(), ""
        while token or not rows:
            body = parse(session.get(url, params={"token": token} if token else {}, timeout=60).content)
            rows += len(body["issues"])
            token = body.get("nextPageToken", "")
        return rows, {}
    for page in pages(path):
        rows += len(parse(page)["issues"])
    return rows, {}


def child(contender: str, path: Path, url: str) -> None:
    """Run one contender in this process and print what it took."""
    run: Callable[[Path, str], tuple[int, dict[str, float]]] = floor
    if contender == "floor json":
        run = partial(floor, parse=json.loads)
    if contender == "ours":  # as dlt, it is imported before the clock starts
        from benchmarks.connectors.ours import load

        run = load
    before = _cpu()
    rows, stages = run(path, url)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({"rows": rows, "cpu": _cpu() - before, "peak": peak, "stages": stages}))


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


@contextmanager
def served(path: Path) -> Iterator[str]:
    """The pages of a file at a loopback address; runs in the process that measures nothing."""
    offsets = [0]
    for page in pages(path):
        offsets.append(offsets[-1] + len(page))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            token = parse_qs(urlsplit(self.path).query).get("token", ["page-0"])[0]
            number = int(token.removeprefix("page-"))
            with path.open("rb") as file:
                file.seek(offsets[number])
                body = file.read(offsets[number + 1] - offsets[number])
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing is logged."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/pages"
    finally:
        server.shutdown()
        server.server_close()


def measured(command: list[str]) -> dict[str, Any]:
    """What a contender printed."""
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def compare(path: Path, url: str, rows: int, dlt: str, rounds: int) -> None:
    """Run the contenders in turns and print the table."""
    own = [sys.executable, "-m", "benchmarks.connectors.speed", "--pages", str(path), "--url", url]
    script = str(Path(__file__).with_name("dlt_load.py"))
    commands = {name: [*own, "--child", name] for name in OWN}
    for mode in DLT_MODES if dlt else ():
        count = rows // DICT_SHARE if mode == "dict" else rows
        commands[f"dlt {mode}"] = [dlt, script, str(path), url, str(count), mode]
    best: dict[str, dict[str, Any]] = {}
    for _ in range(rounds):
        for name, command in commands.items():
            found = measured(command)
            if name not in best or found["rows"] / found["cpu"] > best[name]["rows"] / best[name]["cpu"]:
                best[name] = found
    speed = {name: found["rows"] / found["cpu"] for name, found in best.items()}
    print("| contender | rows | CPU-seconds | rows per CPU-second | of the floor | peak MiB |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, found in best.items():
        share = speed[name] / speed["floor"]
        print(
            f"| {name} | {found['rows']:,} | {found['cpu']:.2f} | {speed[name]:,.0f} | {share:.2f}"
            f" | {found['peak']:,} |"
        )
    for name in [name for name in speed if name != "ours"]:
        print(f"ours / {name}: {speed['ours'] / speed[name]:.2f}")
    if stages := best["ours"].get("stages"):
        print("\n| stage of ours | CPU-seconds |\n|---|---:|")
        for stage, seconds in stages.items():
            print(f"| {stage} | {seconds:.2f} |")


def main() -> None:
    """Generate the pages and compare; or run one contender."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--dlt", default="", help="the Python of an environment with dlt[duckdb] and orjson")
    parser.add_argument("--http", action="store_true", help="pages come over loopback")
    parser.add_argument("--pages", type=Path, help="pages that were generated before")
    parser.add_argument("--child", choices=OWN, help=argparse.SUPPRESS)
    parser.add_argument("--url", default="", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(given.child, given.pages, given.url)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = given.pages or Path(folder) / "pages.ndjson"
        if not path.exists():
            size = write_pages(path, given.rows)
            print(f"{given.rows:,} issues, {size / 1e6:.0f} MB, {PER_PAGE} a page\n")
        if not given.http:
            compare(path, "", given.rows, given.dlt, given.rounds)
            return
        with served(path) as url:
            compare(path, url, given.rows, given.dlt, given.rounds)


if __name__ == "__main__":
    main()

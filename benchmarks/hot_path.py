"""What one order-sign call costs, in one run, against a bare Flask route and the same service with HealthChain.

CPU time is read from /proc for the server's whole process tree, at least 1,000 requests a cell; ratios are to the bare
route of the same run, so they hold on any machine. Exit status 1 if a limit is passed.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import bodies
import processes
from parts.issuers import clients_file, issuer
from parts.processes import free_port
from processes import HERE, Running

PATH = "/cds-services/second-read"
CONNECTIONS = 8
AT_LEAST = 1_000  # requests in a cell
TOKENS = 3_000  # signed before each run, because each opens one call
Sign = Callable[[], str]
SUMS = ("requests", "micros", "cards", "silences", "failures", "errors")  # the other numbers of a run do not add up
LIMITS = {  # cell -> CPU ratio to the bare route with (20 kB, 300 kB) of prefetch
    "irrelevant": (1.2, 1.2),
    "relevant, unread": (6.0, 2.0),
    "relevant, read before": (2.5, 1.5),
    "mix 95/5": (1.5, 1.5),
}
MODES = {
    "irrelevant": "seen",
    "relevant, unread": "unread",
    "relevant, read before": "seen",
    "mix 95/5": "mix",
    "bare": "mix",
}
PEER_RATE = 2.0  # requests per second, ours to theirs, in the mix
MEMORY_MIB = 150
START_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Cell:
    """One measurement."""

    cpu_ms: float
    rate: float
    p50: float
    p99: float
    requests: int


class Bench:
    """The bodies on disk, and a counter that keeps identifiers apart."""

    def __init__(self, folder: Path, rounds: int) -> None:
        self.folder, self.rounds = folder, rounds
        self.seed = int(time.time()) % 100_000 * 1_000_000
        for size in bodies.SIZES:
            for relevant in (True, False):
                self.path(size, relevant).write_bytes(bodies.body(size, relevant))

    def path(self, size: str, relevant: bool) -> Path:
        """Where that body lies."""
        return self.folder / f"{size.replace(' ', '')}-{'relevant' if relevant else 'irrelevant'}.json"

    def once(self, server: Running, size: str, relevant: bool, sign: Sign | None) -> int:
        """One request by hand; the number of cards in its answer."""
        self.seed += 1_000_000
        sent = self.path(size, relevant).read_bytes().replace(bodies.ID.encode(), b"%012d" % self.seed)
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {sign()}"} if sign else {})
        with urllib.request.urlopen(urllib.request.Request(server.url + PATH, sent, headers), timeout=30) as answer:
            return len(json.load(answer)["cards"])

    def load(
        self, server: Running, size: str, cell: str, sign: Sign | None, seconds: int
    ) -> tuple[dict[str, Any], float]:
        """Let wrk send for so long; what it saw, and the CPU seconds the server took."""
        self.seed += 1_000_000
        relevant = cell.startswith(("relevant", "mix"))
        env = os.environ | {
            "MODE": MODES[cell],
            "SEED": str(self.seed),
            "BODY": str(self.path(size, relevant)),
            "OTHER": str(self.path(size, False)),
        }
        if sign:
            stock = self.folder / "tokens"
            stock.write_text("\n".join(sign() for _ in range(TOKENS)))
            env["TOKENS"] = str(stock)
        line = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "20s", "--latency"]
        before = server.cpu_seconds()
        ran = subprocess.run(
            [*line, "-s", HERE / "load.lua", server.url + PATH], env=env, capture_output=True, text=True, check=False
        )
        used = server.cpu_seconds() - before
        result = next((each for each in ran.stdout.splitlines() if each.startswith("RESULT ")), None)
        if result is None:
            raise SystemExit(ran.stdout + ran.stderr)
        return json.loads(result.removeprefix("RESULT ")), used

    def measure(self, server: Running, size: str, cell: str, sign: Sign | None) -> Cell:
        """Warm up, then as many requests as a cell needs; the answers are checked, not only counted."""
        warm, _ = self.load(server, size, cell, sign, 1)
        seconds = max(2, -(-AT_LEAST * 14 // (warm["requests"] * 10 + 1)))
        seen, used = self.load(server, size, cell, sign, seconds)
        while seen["requests"] < AT_LEAST:  # something else kept the machine busy
            more, added = self.load(server, size, cell, sign, seconds)
            seen, used = seen | {name: seen[name] + more[name] for name in SUMS}, used + added
        sent = seen["requests"]
        if seen["failures"] or seen["errors"]:
            raise SystemExit(f"{cell} at {size}: {seen}")
        unexpected = {"irrelevant": "cards", "relevant, unread": "silences", "relevant, read before": "silences"}
        if cell in unexpected and seen[unexpected[cell]]:
            raise SystemExit(f"{cell} at {size}: other answers than expected: {seen}")
        return Cell(used / sent * 1000, sent / seen["micros"] * 1e6, seen["p50"], seen["p99"], sent)


def median(cells: Iterable[Cell]) -> Cell:
    """The middle one, by CPU time."""
    ordered = sorted(cells, key=lambda cell: cell.cpu_ms)
    return ordered[len(ordered) // 2]


class Report:
    """The table, and whether everything in it holds."""

    def __init__(self) -> None:
        self.failed: list[str] = []
        print(
            f"{'':38}{'CPU ms':>8}{'ratio':>8}{'limit':>7}{'':>7}{'req/s':>8}{'p50 ms':>8}{'p99 ms':>8}{'requests':>10}"
        )

    def row(self, name: str, cell: Cell, ratio: float | None = None, limit: float | None = None) -> None:
        """One cell, with its ratio to the bare route."""
        shown = f"{ratio:8.2f}" if ratio else " " * 8
        verdict = self.verdict(name, ratio <= limit) if ratio and limit else ""
        print(
            f"{name:38}{cell.cpu_ms:8.3f}{shown}{limit or '':>7}{verdict:>7}{cell.rate:8.0f}{cell.p50:8.2f}"
            f"{cell.p99:8.2f}{cell.requests:10}",
            flush=True,
        )

    def fact(self, name: str, value: str, holds: bool) -> None:
        """One number that is not a cell."""
        print(f"{name:54}{value:>12}{self.verdict(name, holds):>7}", flush=True)

    def verdict(self, name: str, holds: bool) -> str:
        """`pass` or `FAIL`, which is remembered."""
        if not holds:
            self.failed.append(name)
        return "pass" if holds else "FAIL"


def run(bench: Bench, report: Report, peer_python: Path | None, auths: list[str]) -> None:
    """Every cell, rounds interleaved so that a noisy minute touches all of them alike."""
    key = issuer("RS384")
    rates: dict[str, float] = {}
    for auth in auths:
        with ExitStack() as stack:
            port, more, sign = free_port(), {"CALLS_PER_SECOND": "0"}, None
            if auth == "RS384":
                more |= {"AUTH": "jwt", "CLIENTS_FILE": str(clients_file(bench.folder, [key]))}
                more["PUBLIC_URLS"] = f"http://127.0.0.1:{port}"
                sign = partial(key.token, f"http://127.0.0.1:{port}{PATH}", seconds=3600)
            ours = stack.enter_context(processes.second_read(port, **more))
            floor = stack.enter_context(processes.bare())
            for size in bodies.SIZES:
                found = (bench.once(ours, size, True, sign), bench.once(ours, size, False, sign))
                if found != (1, 0):
                    raise SystemExit(f"{size}: one card and none are expected, {found} came")
                cells: dict[str, list[Cell]] = {"bare": [], **{cell: [] for cell in LIMITS}}
                for _ in range(bench.rounds):
                    for cell, measured in cells.items():
                        server, signs = (floor, None) if cell == "bare" else (ours, sign)
                        measured.append(bench.measure(server, size, cell, signs))
                bare = median(cells["bare"])
                report.row(f"{size}, {auth}: bare route", bare)
                for cell, limits in LIMITS.items():
                    middle = median(cells[cell])
                    limit = limits[list(bodies.SIZES).index(size)]
                    report.row(f"{size}, {auth}: {cell}", middle, middle.cpu_ms / bare.cpu_ms, limit)
                    rates[f"{size} {auth} {cell}"] = statistics.median(each.rate for each in cells[cell])
            report.fact(f"memory of a worker, {auth} (at most {MEMORY_MIB} MiB)", f"{ours.worker_mib():.0f} MiB",
                        ours.worker_mib() <= MEMORY_MIB)  # fmt: skip
    starts = []
    for _ in range(3):
        with processes.second_read() as server:
            starts.append(server.start_up)
    middle_start = statistics.median(starts)
    report.fact(f"start-up (at most {START_SECONDS:.0f} s)", f"{middle_start:.2f} s", middle_start <= START_SECONDS)
    if peer_python and "off" in auths:
        with processes.peer(peer_python) as other:
            for size in bodies.SIZES:
                theirs = median(bench.measure(other, size, "mix 95/5", None) for _ in range(bench.rounds))
                report.row(f"{size}: HealthChain, mix 95/5", theirs)
                ratio = rates[f"{size} off mix 95/5"] / theirs.rate
                report.fact(
                    f"{size}: requests/s, ours to HealthChain's (at least 2)", f"{ratio:.2f}", ratio >= PEER_RATE
                )


def main() -> int:
    """Measure and tell."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--peer", type=Path, help="python of an environment with healthchain 0.16.1")
    options.add_argument("--rounds", type=int, default=3, help="medians are taken of so many")
    options.add_argument("--auth", choices=["off", "RS384"], action="append", help="only this one")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        report = Report()
        run(
            Bench(Path(folder), chosen.rounds),
            report,
            chosen.peer and chosen.peer.absolute(),
            chosen.auth or ["off", "RS384"],
        )
    print("all limits hold" if not report.failed else "limits passed: " + "; ".join(report.failed))
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())

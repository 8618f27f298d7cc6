"""Servers under measurement: started on loopback, and what the kernel says of their CPU time and memory."""

import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import bodies  # puts the parts of the real tests within reach
from parts.processes import free_port, settings

HERE = Path(__file__).resolve().parent
TICK = os.sysconf("SC_CLK_TCK")
THREADS = 8
assert bodies.SIZES


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers; `start_up` are the seconds until it first did."""

    url: str
    pid: int
    start_up: float

    def family(self) -> list[int]:
        """The process and all that descend from it."""
        parents: dict[int, int] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                try:
                    parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                except OSError:
                    continue  # it ended while we looked
        found = [self.pid]
        for pid in found:
            found += [child for child, parent in parents.items() if parent == pid]
        return found

    def cpu_seconds(self) -> float:
        """User and system time of the family so far."""
        total = 0
        for pid in self.family():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
        return total / TICK

    def worker_mib(self) -> float:
        """Resident memory of the largest process below the first, in MiB."""
        sizes = [
            int(line.split()[1])
            for pid in self.family()[1:] or [self.pid]
            for line in Path(f"/proc/{pid}/status").read_text().splitlines()
            if line.startswith("VmRSS:")
        ]
        return max(sizes) / 1024


@contextmanager
def running(line: list[str], url: str, ready: str, env: Mapping[str, str], cwd: Path) -> Iterator[Running]:
    """Start a server, wait for its first answer, and end it and all it started on the way out."""
    with (cwd / "server.log").open("ab") as log:
        began = time.monotonic()
        process = subprocess.Popen(
            line, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=cwd, env=dict(env), start_new_session=True
        )
        try:
            while not _answers(url + ready):
                if process.poll() is not None or time.monotonic() - began > 60:
                    raise SystemExit(f"{line[0]} did not start:\n{(cwd / 'server.log').read_text()[-3000:]}")
                time.sleep(0.01)
            yield Running(url, process.pid, time.monotonic() - began)
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(5)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False


@contextmanager
def second_read(port: int | None = None, **more: str) -> Iterator[Running]:
    """The service, one worker of eight threads, its ledger on disk."""
    port = port or free_port()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        env = settings(Path(folder), THREADS=str(THREADS), LOG_LEVEL="info", DEADLINE_MS="5000", **more)
        line = [str(Path(sys.executable).with_name("second-read")), "serve", "--host", "127.0.0.1", "--port", str(port)]
        with running(line, f"http://127.0.0.1:{port}", "/readyz", env, Path(folder)) as server:
            yield server


@contextmanager
def bare() -> Iterator[Running]:
    """The bare route under gunicorn, of the same worker class and count."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        line = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--worker-class", "gthread"]
        line += ["--workers", "1", "--threads", str(THREADS), "--keep-alive", "75", "--chdir", str(HERE), "bare:app"]
        with running(line, f"http://127.0.0.1:{port}", "/readyz", os.environ, Path(folder)) as server:
            yield server


@contextmanager
def peer(python: Path) -> Iterator[Running]:
    """HealthChain under uvicorn, one process, as its own documentation runs it."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        line = [str(python), "-m", "uvicorn", "peer:app", "--app-dir", str(HERE), "--host", "127.0.0.1"]
        line += ["--port", str(port), "--no-access-log", "--log-level", "error"]
        with running(line, f"http://127.0.0.1:{port}/cds", "/cds-discovery", os.environ, Path(folder)) as server:
            yield server

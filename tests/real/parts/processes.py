"""Child processes on loopback: a free port, a bounded wait, an orderly end."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).resolve().parents[3]
DEADLINE_MS = 800


def free_port() -> int:
    """A port of loopback that nobody listens on at this moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_until(ready: Callable[[], bool], child: "subprocess.Popen[bytes]", log: Path, seconds: float = 30) -> None:
    """Wait until `ready`; fail with the child's own words when it ends first or takes too long."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if child.poll() is not None:
            raise RuntimeError(f"ended with {child.returncode} before it was ready:\n{log.read_text()[-4000:]}")
        try:
            if ready():
                return
        except requests.RequestException:
            pass
        time.sleep(0.05)
    raise RuntimeError(f"not ready after {seconds} s:\n{log.read_text()[-4000:]}")


def make(target: str) -> None:
    """Run one target of the Makefile, which does nothing where its work is done."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name != "MFLAGS"}
    ran = subprocess.run(["make", "-s", target], cwd=ROOT, env=env, capture_output=True, text=True, timeout=600)
    if ran.returncode:
        raise RuntimeError(f"make {target}:\n{ran.stdout}{ran.stderr}")


@contextmanager
def child(command: list[str], log: Path, *, cwd: Path, env: Mapping[str, str]) -> "Iterator[subprocess.Popen[bytes]]":
    """Run a command in its own session, and end it and all it started on the way out."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=dict(env),
            start_new_session=True,
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(5)


@dataclass(frozen=True, slots=True)
class Served:
    """`second-read serve` as its own process: a real gunicorn."""

    url: str
    folder: Path
    log: Path
    pid: int

    def sign(self, body: Mapping[str, Any] | bytes, **how: Any) -> requests.Response:
        """POST one order-sign call, as an EHR does."""
        kind = {"data": body} if isinstance(body, bytes) else {"json": body}
        return requests.post(f"{self.url}/cds-services/second-read", timeout=20, **kind, **how)

    def cards(self, body: Mapping[str, Any], **how: Any) -> list[dict[str, Any]]:
        """The cards of one call that is to succeed."""
        answer = self.sign(body, **how)
        assert answer.status_code == 200, f"{answer.status_code}: {answer.text[:2000]}"
        cards: list[dict[str, Any]] = answer.json()["cards"]
        return cards


def settings(folder: Path, **more: str) -> dict[str, str]:
    """The service's environment: little is inherited, the ledger is in `folder`, rules are as their files say."""
    plain = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    ours = {
        "AUTH": "off",
        "RULES_MODE": "as-files",
        "CARDS_PER_CLINICIAN": "0",  # one clinician signs everything
        "CARDS_PER_ENCOUNTER": "0",
        "RULE_BUDGET_PERCENT": "0",
        "DATABASE_URL": f"sqlite:///{folder / 'ledger.db'}",
        "LEDGER_KEY_FILE": str(folder / "ledger.key"),
        "WORKERS": "1",
        "DEADLINE_MS": str(DEADLINE_MS),
    }
    return plain | {f"SECOND_READ_{name}": value for name, value in (ours | more).items()}


@contextmanager
def served(folder: Path, *, command: Path | None = None, cwd: Path | None = None, **more: str) -> Iterator[Served]:
    """Start `second-read serve` in `folder` with these settings (names without prefix), and wait until it is ready."""
    folder.mkdir(parents=True, exist_ok=True)
    port, log = free_port(), folder / "serve.log"
    program = command or Path(sys.executable).with_name("second-read")
    line = [str(program), "serve", "--host", "127.0.0.1", "--port", str(port)]
    more = {"PUBLIC_URLS": f"http://127.0.0.1:{port}"} | more
    with child(line, log, cwd=cwd or folder, env=settings(folder, **more)) as process:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: requests.get(f"{url}/readyz", timeout=2).ok, process, log)
        yield Served(url, folder, log, process.pid)

"""`second-read demo`: start the real service on this machine, sign every chart's orders at it, show what came."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from requests import Session

START_SECONDS = 30.0
STOP_SECONDS = 10.0
LOG = "service.log"
PREFIX = "SECOND_READ_"


@click.command()
@click.option("--once", is_flag=True, help="End after the run; exit 0 only if everything expected happened.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Loopback address to listen on.")
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="Port to listen on.  [default: a free one]")
def demo(once: bool, host: str, port: int) -> None:
    """Sign real orders at the service and show each card or silence."""
    from requests import Session

    from cds_service.demo.run import sign_all
    from cds_service.demo.terminal import Screen

    signal.signal(signal.SIGTERM, _end)
    screen = Screen()
    with tempfile.TemporaryDirectory(prefix="second-read-demo-") as folder, Session() as session:
        session.trust_env = False  # a proxy has no business between two processes of this machine
        with serving(Path(folder), session, host, port) as base:
            screen.begin(base)
            signed = [screen.show(each) for each in sign_all(session, base)]
            met = screen.end(signed)
            if not met:
                _tell_complaints(Path(folder) / LOG)
            if not once:
                screen.stay(f"{base}/demo")
                _wait()
    if once and not met:
        sys.exit(1)


@contextmanager
def serving(folder: Path, session: "Session", host: str, port: int) -> Iterator[str]:
    """The service in a process of its own, as `second-read serve` runs it, with a fresh ledger in `folder`."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    environ |= {
        f"{PREFIX}AUTH": "off",
        f"{PREFIX}DEMO": "true",
        f"{PREFIX}RULES_MODE": "as-files",
        f"{PREFIX}DATABASE_URL": f"sqlite:///{folder / 'ledger.db'}",
        f"{PREFIX}LEDGER_KEY_FILE": str(folder / "ledger.key"),
        f"{PREFIX}WORKERS": "1",
        f"{PREFIX}CARDS_PER_CLINICIAN": "0",  # one person signs every chart
        f"{PREFIX}RULE_BUDGET_PERCENT": "0",
        f"{PREFIX}LOG_LEVEL": "warning",
    }
    # A site that tries its own rules shows its own rules.
    environ |= {name: os.environ[name] for name in (f"{PREFIX}CONTENT_DIR",) if name in os.environ}
    command = [sys.executable, "-m", "cds_service", "serve", "--host", host, "--port", str(port)]
    with (folder / LOG).open("wb+") as log:
        process = subprocess.Popen(command, env=environ, stdout=log, stderr=subprocess.STDOUT)  # noqa: S603  # our own program
        try:
            yield _address(process, session, folder / LOG)
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _address(process: "subprocess.Popen[bytes]", session: "Session", log: Path) -> str:
    """Where the service listens, once it is ready; it says so on its first line."""
    from requests import RequestException

    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        first = next((line for line in log.read_text().splitlines() if " listens on " in line), None)
        if first is not None:
            base = first.partition(" listens on ")[2].partition(",")[0]
            try:
                if session.get(f"{base}/readyz", timeout=2).ok:
                    return base
            except RequestException:
                pass  # it listens before its worker answers
        time.sleep(0.05)
    raise click.ClickException(f"the service did not start:\n{log.read_text().strip()}")


def _tell_complaints(log: Path) -> None:
    """What the service itself had to say of calls that went wrong: its last warnings and errors."""
    for line in [line for line in log.read_text().splitlines() if line.startswith("{")][-5:]:
        click.echo(line, err=True)


def _end(_signal: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(0)


def _wait() -> None:
    try:
        signal.pause()
    except KeyboardInterrupt:
        click.echo()

"""A running service takes new rules on SIGHUP and by command, whole, and keeps those it has where the new are wrong."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from parts.charts import fusion_chart
from parts.processes import Served, served
from sqlalchemy import create_engine, text

from cds_service.content import content_folder

OLD, NEW = "study_max_age: {value: 365,", "study_max_age: {value: 364,"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A content folder of the site's own."""
    for name in ("cards", "fhir_profiles"):
        shutil.copytree(content_folder() / name, tmp_path / "content" / name)
    return tmp_path


@pytest.fixture
def running(folder: Path) -> Iterator[Served]:
    """`second-read serve` on that content with two workers."""
    with served(folder, WORKERS="2", CONTENT_DIR=str(folder / "content"), PID_FILE=str(folder / "pid")) as found:
        yield found


def change(folder: Path, old: str, new: str) -> None:
    """Edit the fusion rule."""
    path = folder / "content" / "cards" / "rules" / "spine" / "spine-fusion.yaml"
    before = path.read_text(encoding="utf-8")
    assert old in before
    path.write_text(before.replace(old, new, 1), encoding="utf-8")


def ready(running: Served) -> dict[str, Any]:
    """What readiness tells."""
    answer: dict[str, Any] = requests.get(f"{running.url}/readyz", timeout=10).json()
    return answer


def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for something that comes soon."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it has not come"
        time.sleep(0.2)


def reload(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`second-read rules reload` with the settings of the service."""
    environ = os.environ | {"SECOND_READ_CONTENT_DIR": str(folder / "content"),
                            "SECOND_READ_PID_FILE": str(folder / "pid"), "SECOND_READ_AUTH": "off"}  # fmt: skip
    return subprocess.run([sys.executable, "-m", "cds_service", "rules", "reload", *words], env=environ,
                          capture_output=True, text=True, timeout=120)  # fmt: skip


def digests(folder: Path) -> list[str]:
    """The rule set's digest on each decision that was recorded, oldest first."""
    with create_engine(f"sqlite:///{folder}/ledger.db").connect() as ledger:
        return [row[0] for row in ledger.execute(text("select digest from verdicts order by id"))]


def test_new_rules_are_taken_whole_and_wrong_ones_not_at_all(folder: Path, running: Served) -> None:
    """While calls go on: the command makes all workers take the new set, each call is decided under one digest that is
    recorded with it, and a set with an error changes nothing, and is told in readiness, metric and log."""
    first = ready(running)["rules"]
    stop, failed = threading.Event(), []

    def sign() -> None:
        chart = fusion_chart()
        while not stop.is_set():
            try:
                running.cards(chart.request(chart.prefetch()))
            except Exception as error:  # noqa: BLE001  whatever a caller would have seen
                failed.append(repr(error))
            time.sleep(0.05)

    caller = threading.Thread(target=sign)
    caller.start()
    try:
        until(lambda: len(digests(folder)) > 2)
        change(folder, OLD, NEW)
        done = reload(folder, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        second = json.loads(done.stdout)["rules"]
        assert second != first
        until(lambda: all(ready(running)["rules"] == second for _ in range(8)))
        until(lambda: digests(folder)[-1] == second)
    finally:
        stop.set()
        caller.join()
    assert failed == []
    assert set(digests(folder)) == {first, second}

    change(folder, NEW, "study_max_age: {value: many,")
    refused = reload(folder)
    assert refused.returncode == 1
    assert "error[type]" in refused.stdout
    assert "refused" not in ready(running)  # the command saw the error first and left the service alone
    os.kill(int((folder / "pid").read_text()), signal.SIGHUP)
    until(lambda: "refused" in ready(running))
    told = ready(running)
    assert (told["ready"], told["rules"]) == (True, second)
    assert "spine-fusion.yaml" in told["refused"]["first"]
    page = requests.get(f"{running.url}/metrics", timeout=10).text
    assert 'second_read_reloads_total{outcome="refused"} 1.0' in page
    assert 'second_read_reloads_total{outcome="taken"} 1.0' in page

    change(folder, "value: many,", "value: 365,")
    assert reload(folder).returncode == 0
    until(lambda: ready(running)["rules"] == first and "refused" not in ready(running))


def test_a_reload_without_a_service_says_so(folder: Path) -> None:
    """Exit code 1 and the pid file that names nobody."""
    (folder / "pid").write_text("0x", encoding="ascii")
    done = reload(folder)
    assert done.returncode == 1
    assert "no service runs by" in done.stderr

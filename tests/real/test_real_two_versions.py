"""Two versions on one database, while calls and feedback arrive: upgraded, rolled back, and nothing lost."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy as sa
from parts.charts import fusion_chart
from parts.later import REVISION, later_version
from parts.postgresql import Server
from parts.processes import Served, served, settings
from sqlalchemy.pool import NullPool

NOW = Path(sys.executable).with_name("second-read")
SECONDS = 1.0  # for which each stage serves
PATH = "/cds-services/second-read"


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`second-read` of a later version."""
    return later_version(tmp_path_factory.mktemp("later"))


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    server: Server = request.getfixturevalue("postgresql")
    return server.new_database()


@dataclass
class Traffic:
    """An EHR that signs orders and answers cards without a pause, at any of the machines that serve."""

    urls: list[str] = field(default_factory=list)
    cards: list[str] = field(default_factory=list)  # returned
    answered: list[str] = field(default_factory=list)  # whose feedback was acknowledged
    wrong: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)
    busy: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> None:
        """Until it is ended."""
        number = 0
        while not self.ended.is_set():
            with self.busy:
                number += 1
                if self.urls:
                    self._call(number)
            time.sleep(0.005)

    def _call(self, number: int) -> None:
        chart = fusion_chart()
        answer = requests.post(
            self.urls[number % len(self.urls)] + PATH, json=chart.request(chart.prefetch()), timeout=10
        )
        if answer.status_code != 200 or len(answer.json()["cards"]) != 1:
            self.wrong.append(f"{answer.status_code} {answer.text[:300]}")
            return
        card = answer.json()["cards"][0]["uuid"]
        self.cards.append(card)
        item = {"card": card, "outcome": "overridden", "outcomeTimestamp": datetime.now(UTC).isoformat()}
        other = self.urls[(number + 1) % len(self.urls)]  # the other version, where both serve
        told = requests.post(f"{other}{PATH}/feedback", json={"feedback": [item]}, timeout=10)
        if told.status_code == 200:
            self.answered.append(card)
        else:
            self.wrong.append(f"feedback {told.status_code} {told.text[:300]}")


@pytest.fixture
def traffic() -> Iterator[Traffic]:
    """Traffic at whatever stands in `urls`."""
    made = Traffic()
    sender = threading.Thread(target=made.run)
    sender.start()
    yield made
    made.ended.set()
    sender.join(20)


@contextmanager
def machine(folder: Path, program: Path, traffic: Traffic, **more: str) -> Iterator[Served]:
    """A machine with that version: traffic reaches it when it is ready, and no longer when it is to stop."""
    with served(folder, command=program, **more) as service:
        traffic.urls.append(service.url)
        try:
            yield service
        finally:
            with traffic.busy:
                traffic.urls.remove(service.url)


def rows(url: str, query: str) -> list[Any]:
    """Ask the database from outside the program."""
    with sa.create_engine(url, poolclass=NullPool).connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


def verified(program: Path, folder: Path, **more: str) -> str:
    """`second-read ledger verify`, by that version; it must find nothing."""
    line = [program, "ledger", "verify"]
    ran = subprocess.run(line, cwd=folder, env=settings(folder, **more), capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def pruned(program: Path, code: int, folder: Path, **more: str) -> str:
    """`second-read ledger prune` of all there is, by that version; what it says, if it ends with that code."""
    line = [program, "ledger", "prune", "--before", "2999-01-01"]
    ran = subprocess.run(line, cwd=folder, env=settings(folder, **more), capture_output=True, text=True, check=False)
    assert ran.returncode == code, ran.stdout + ran.stderr
    return ran.stdout + ran.stderr


def test_upgrade_and_rollback_lose_nothing(database: str, later: Path, traffic: Traffic, tmp_path: Path) -> None:
    """The later version migrates while this one serves; both serve; the later alone; this one again; all is there.

    Feedback goes to the version that did not return the card. Both versions find every chain whole, rows of the other
    among them.
    """
    shared = {"DATABASE_URL": database, "LEDGER_KEY_FILE": str(tmp_path / "ledger.key")}
    counts = []

    def stage() -> None:
        time.sleep(SECONDS)
        counts.append(len(traffic.answered))

    with machine(tmp_path / "one", NOW, traffic, **shared):
        stage()
        with machine(tmp_path / "two", later, traffic, **shared):  # upgrade: this migrates
            stage()
            traffic.urls.reverse()
            stage()
    assert rows(database, "SELECT version_num FROM alembic_version") == [(REVISION,)]
    with machine(tmp_path / "three", later, traffic, **shared):
        stage()
        with machine(tmp_path / "four", NOW, traffic, **shared):  # rollback: a version older than the database
            stage()
    with machine(tmp_path / "five", NOW, traffic, **shared):
        stage()
    traffic.ended.set()
    assert traffic.wrong == []
    assert counts == sorted(set(counts)), "every stage answered calls and took feedback"
    assert {card for (card,) in rows(database, "SELECT uuid FROM cards")} == set(traffic.cards)
    joined = rows(
        database,
        "SELECT card, later_note FROM feedback JOIN cards ON uuid = card AND cards.client = feedback.client",
    )
    assert {card for card, _ in joined} == set(traffic.answered)
    assert {note for _, note in joined} == {None, "told later"}, "both versions took feedback"
    assert rows(database, "SELECT version_num FROM alembic_version") == [(REVISION,)]
    assert verified(NOW, tmp_path, **shared) == verified(later, tmp_path, **shared)
    assert "later_rows" in pruned(NOW, 1, tmp_path, **shared), "how long those stay is not for this version to say"
    pruned(later, 0, tmp_path, **shared)
    assert rows(database, "SELECT count(*) FROM calls UNION SELECT count(*) FROM later_rows") == [(0,)]
    assert verified(NOW, tmp_path, **shared) == verified(later, tmp_path, **shared)

"""Workers are killed without warning while feedback arrives: whatever was answered with 200 is in the ledger."""

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
import requests
import sqlalchemy as sa
from parts.postgresql import running
from parts.processes import Served, served
from sqlalchemy.pool import NullPool

from cds_service.ledger import audit, ledger_keys
from cds_service.ledger.connecting import open_engine, snapshot

KILLS = 6


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of either kind; the server of the second waits for the disk as a real one does."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'service' / 'ledger.db'}"
    else:
        with running() as server:
            yield server.new_database()


def children(pid: int) -> list[int]:
    """The worker processes of a gunicorn."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def sends(service: Served, acknowledged: list[str], ended: threading.Event) -> None:
    """Tell what became of one card after the other; remember those that were taken."""
    while not ended.is_set():
        card = str(uuid4())
        item = {"card": card, "outcome": "overridden", "outcomeTimestamp": datetime.now(UTC).isoformat()}
        try:
            answer = requests.post(
                f"{service.url}/cds-services/second-read/feedback", json={"feedback": [item]}, timeout=10
            )
        except requests.RequestException:
            continue  # the worker died with the call: nothing was acknowledged
        if answer.status_code == 200:
            acknowledged.append(card)


def test_no_acknowledged_feedback_is_lost_when_workers_are_killed(database: str, tmp_path: Path) -> None:
    """Kill -9 of a worker at any moment loses nothing that was answered with 200, and every chain still verifies."""
    acknowledged: list[str] = []
    ended = threading.Event()
    with served(tmp_path / "service", DATABASE_URL=database, WORKERS="2") as service:
        senders = [threading.Thread(target=sends, args=(service, acknowledged, ended)) for _ in range(4)]
        for sender in senders:
            sender.start()
        killed = 0
        while killed < KILLS:
            time.sleep(random.uniform(0.1, 0.5))
            workers = children(service.pid)
            if workers and len(acknowledged) > 5 * killed:
                os.kill(random.choice(workers), signal.SIGKILL)
                killed += 1
        ended.set()
        for sender in senders:
            sender.join()
        engine = sa.create_engine(database, poolclass=NullPool)
        with engine.connect() as connection:
            kept = {card for (card,) in connection.execute(sa.text("SELECT card FROM feedback"))}
    assert len(acknowledged) > 20
    assert set(acknowledged) - kept == set()
    keys = ledger_keys(None, tmp_path / "service" / "ledger.key")
    with snapshot(open_engine(database)) as connection:
        found = audit.verify(connection, keys)
    assert found.problems == []
    assert found.writers > 2

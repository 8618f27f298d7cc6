"""Fixtures of the ledger's tests: a key, a clock that stands still until told, decisions and cards made to measure."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from parts.postgresql import Server, running
from sqlalchemy.pool import NullPool

from cds_service.ledger import Keyring, Ledger, open_ledger
from cds_service.model import (
    AuthenticatedClient,
    Card,
    Case,
    Check,
    Decision,
    FhirAccess,
    Finding,
    Gap,
    HookRequest,
    Order,
    Outcome,
    PastCard,
    Patient,
    Study,
    Truth,
    Verdict,
)

KEY = Keyring(b"a key of the test site, 32 bytes")
START = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> None:
        self.now += timedelta(**span)


@pytest.fixture
def clock() -> Clock:
    """A clock at half past nine of a November morning."""
    return Clock()


@pytest.fixture
def key() -> Keyring:
    """The site's key."""
    return KEY


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the ledger's database stands."""
    return tmp_path / "ledger.db"


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A real PostgreSQL of this test run."""
    with running() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, file: Path) -> str:
    """An empty database; every test that asks for one runs on both kinds."""
    if request.param == "sqlite":
        return f"sqlite:///{file}"
    server: Server = request.getfixturevalue("postgresql")
    return server.new_database()


@pytest.fixture
def rows(url: str) -> Callable[[str], list[Any]]:
    """Ask the database from outside the program."""
    engine = sa.create_engine(url, poolclass=NullPool)

    def asked(query: str) -> list[Any]:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(query))]

    return asked


@pytest.fixture
def ledger(url: str, clock: Clock) -> Iterator[Ledger]:
    """An open ledger, closed after the test."""
    opened = open_ledger(url, KEY, clock=clock)
    yield opened
    opened.close()


@pytest.fixture
def caller() -> AuthenticatedClient:
    """The EHR that calls."""
    return AuthenticatedClient("https://ehr.example")


@pytest.fixture
def request_of() -> Callable[..., HookRequest]:
    """Make an order-sign call."""

    def make(patient: str = "p1", hook: str = "hook-1", token: str | None = None, prefetch: dict | None = None):
        access = FhirAccess("https://ehr.example/fhir", token=token)
        return HookRequest(hook, "Practitioner/u1", patient, None, (), prefetch or {}, fhir=access)

    return make


@pytest.fixture
def card_of() -> Callable[..., Card]:
    """Make a card as it was returned."""

    def make(
        uuid: str,
        *,
        topic: str = "spine",
        study: str | None = "ImagingStudy/s1",
        order: str = "ServiceRequest/o1",
        rules: tuple[str, ...] = ("spine-fusion",),
    ) -> Card:
        return Card(uuid, topic, rules, "info", order, study, None, {"summary": "never stored"})

    return make


@pytest.fixture
def decision_of() -> Callable[..., Decision]:
    """Make a decision with one verdict of two checks."""

    def make(
        *,
        outcome: Outcome = Outcome.INDICATED,
        because: str = "stenosis-less-than-severe",
        finding: Finding | None = None,
        gap: Gap | None = None,
        history: tuple[PastCard, ...] = (),
    ) -> Decision:
        checks = (
            Check(
                "stenosis-less-than-severe", "Stenosis is less than severe.", Truth.TRUE, "criterion", finding=finding
            ),
            Check("x1-emergency", "The order is an emergency.", Truth.UNKNOWN, "exclusion", gap=gap),
        )
        verdict = Verdict("spine-fusion", "1.0.0", outcome, because, checks)
        case = Case(
            Order("ServiceRequest/o1", "surgery", "draft"),
            START,
            Patient("p1"),
            study=Study("ImagingStudy/s1"),
            history=history,
            gaps=(gap,) if gap else (),
        )
        return Decision(case, (verdict,), "digest-of-the-rules")

    return make

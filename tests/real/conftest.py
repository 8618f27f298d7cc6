"""The real parts, started once for all tests that need them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from parts.dialects import dialects
from parts.hostile import Hostile, hostile
from parts.postgresql import Server, running
from parts.processes import Served, free_port, served
from parts.sekmet import Ehr, sekmet


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder runs opposite real parts."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.real)


@pytest.fixture(scope="session")
def fhir_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ehr]:
    """sekmet-fhir on a free port of loopback."""
    with sekmet(tmp_path_factory.mktemp("sekmet")) as ehr:
        yield ehr


@pytest.fixture(scope="session")
def brief_fhir_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ehr]:
    """The same server, whose tokens live for one second."""
    with sekmet(tmp_path_factory.mktemp("sekmet-brief"), token_seconds=1) as ehr:
        yield ehr


@pytest.fixture(scope="session")
def hostile_server() -> Iterator[Hostile]:
    """A FHIR server that is allow-listed and misbehaves on command."""
    with hostile() as server:
        yield server


@pytest.fixture(scope="session")
def stranger() -> Iterator[Hostile]:
    """A well-behaved FHIR server that is not allow-listed."""
    with hostile() as server:
        yield server


@pytest.fixture(scope="session")
def dead_base() -> str:
    """The base of an allow-listed FHIR server that is down."""
    return f"http://127.0.0.1:{free_port()}/fhir"


@pytest.fixture(scope="session")
def service(
    fhir_server: Ehr,
    brief_fhir_server: Ehr,
    hostile_server: Hostile,
    dead_base: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Served]:
    """`second-read serve`: gunicorn on loopback, allowed to read those servers and no other."""
    allowed = ",".join((fhir_server.base, brief_fhir_server.base, hostile_server.base, dead_base))
    with served(tmp_path_factory.mktemp("service"), FHIR_SERVERS=allowed) as running:
        yield running


@pytest.fixture(scope="session")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Ehr]]:
    """One sekmet-fhir behind a door for each EHR's dialect: plain, epic, oracle, firely."""
    with dialects(tmp_path_factory.mktemp("dialects")) as found:
        yield found


@pytest.fixture(scope="session")
def patient_service(doors: dict[str, Ehr], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The service, allowed to read through every door, with time enough for what is not about time."""
    allowed = ",".join(door.base for door in doors.values())
    with served(tmp_path_factory.mktemp("patient"), FHIR_SERVERS=allowed, DEADLINE_MS="6000") as running:
        yield running


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A PostgreSQL on loopback, which makes new databases."""
    with running() as server:
        yield server

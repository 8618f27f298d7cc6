"""The real service in demo mode, in a process of its own; one for all tests of this folder."""

from collections.abc import Iterator

import pytest
import requests

from cds_service.demo.command import serving


@pytest.fixture(scope="session")
def session() -> Iterator[requests.Session]:
    """An HTTP client that knows of no proxy."""
    with requests.Session() as session:
        session.trust_env = False
        yield session


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory, session: requests.Session) -> Iterator[str]:
    """Where the service listens."""
    with serving(tmp_path_factory.mktemp("demo"), session, "127.0.0.1", 0) as base:
        yield base

"""Three fixtures and one actor: `app`, `client`, `runner`, and `ehr`, which signs orders at the service.

Sockets are off, except in the folders whose subject is a real connection; those may use loopback alone. Every answer
that `app` gives in any test is held against the CDS Hooks schemas.
"""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import builders
import orjson
import pytest
import pytest_socket
from actors import CheckedClient, Clock, Ehr
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient

from cds_service.app import create_app
from cds_service.config import Settings, load_settings
from cds_service.content import Content, load_content
from cds_service.model import HookRequest
from cds_service.web.order_sign import read_order_sign

pytest_plugins = ["profiles.plugin"]  # assert_valid_second_read_order
WITH_LOOPBACK = {"real", "wheel", "browser", "demo", "quiet", "ledger", "expansion"}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Sockets off; loopback alone where a test's folder says that it talks to a real part."""
    folder = Path(str(item.path)).relative_to(Path(__file__).parent).parts[0]
    if folder in WITH_LOOPBACK:
        pytest_socket.enable_socket()
        pytest_socket.socket_allow_hosts(["127.0.0.1", "::1", "localhost"], allow_unix_socket=True)
    else:
        pytest_socket.disable_socket(allow_unix_socket=True)


@pytest.fixture(scope="session")
def content() -> Content:
    """The shipped content, rules as their files say."""
    return load_content()


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still until it is moved."""
    return Clock(builders.NOW)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A service on a fresh SQLite file, without authentication, rules as their files say."""
    return load_settings(
        {
            "SECOND_READ_AUTH": "off",
            "SECOND_READ_DATABASE_URL": f"sqlite:///{tmp_path}/ledger.db",
            "SECOND_READ_RULES_MODE": "as-files",
            "SECOND_READ_CARDS_PER_CLINICIAN": "0",  # one clinician signs everything
            "SECOND_READ_CARDS_PER_ENCOUNTER": "0",
        },
        None,
    )


@pytest.fixture
def app(settings: Settings, content: Content, clock: Clock) -> Iterator[Flask]:
    """The service; every answer it gives is checked against the schemas."""
    numbers = count(1)
    app = create_app(settings, content=content, clock=clock, new_uuid=lambda: str(UUID(int=next(numbers))))
    app.test_client_class = CheckedClient
    yield app
    app.extensions["second-read"]["ledger"].close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """An HTTP client of `app`."""
    return app.test_client()


@pytest.fixture
def runner() -> CliRunner:
    """Runs the command line."""
    return CliRunner()


@pytest.fixture
def ehr(client: FlaskClient) -> Ehr:
    """The actor: an EHR that signs orders at the service and tells it what became of the cards."""
    return Ehr(client)


@pytest.fixture(scope="session")
def hook_request() -> Callable[..., HookRequest]:
    """Makes a HookRequest as the web room would, from orders and prefetch."""

    def make(*orders: dict[str, Any], prefetch: dict[str, Any] | None = None, **more: Any) -> HookRequest:
        return read_order_sign(orjson.dumps(builders.hook(*orders, prefetch=prefetch, **more)))

    return make

"""The web room alone: what decides and what records are stand-ins that remember how they were called."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from web.validity import check_response

from cds_service.auth import Trust, authenticate
from cds_service.model import AuthenticatedClient, Card, Feedback, HookRequest
from cds_service.web import answer_errors, cds_hooks_blueprint, directly, order_signer, paths_of

SERVICE = {
    "hook": "order-sign",
    "id": "second-read",
    "title": "Second Read",
    "description": "Suggests a second read.",
    "version": "2.0.1",
    "hookVersion": "1.0",
    "prefetch": {"patient": "Patient/{{context.patientId}}"},
}


@dataclass
class Stage:
    """What stands behind the web room in these tests."""

    cards: tuple[Card, ...] = ()
    raises: Exception | None = None
    calls: list[HookRequest] = field(default_factory=list)
    feedback: list[Feedback] = field(default_factory=list)

    def answer(self, call: HookRequest, _client: AuthenticatedClient) -> tuple[Card, ...]:
        """Stand in for the service."""
        self.calls.append(call)
        if self.raises:
            raise self.raises
        return self.cards

    def keep(self, _client: AuthenticatedClient, items: Sequence[Feedback]) -> None:
        """Stand in for the ledger."""
        if self.raises:
            raise self.raises
        self.feedback.extend(items)


@pytest.fixture
def stage() -> Stage:
    """What the next call will be answered with, and what was received."""
    return Stage()


@pytest.fixture(params=["directly", "by route"])
def web(stage: Stage, request: pytest.FixtureRequest) -> FlaskClient:
    """The CDS Hooks endpoints, order-sign answered before the framework and by it; each answer is checked."""
    app = Flask("web-alone", static_folder=None)
    answer_errors(app)

    def admit(environ: Any, path: str) -> AuthenticatedClient:
        return authenticate(environ, path, Trust("off"), datetime.now(UTC), lambda *_: True)

    sign = order_signer(admit, stage.answer, 100_000)
    app.register_blueprint(
        cds_hooks_blueprint([SERVICE], authenticate=admit, sign=sign, keep_feedback=stage.keep, max_body_bytes=100_000)
    )
    if request.param == "directly":
        app.wsgi_app = directly(app.wsgi_app, paths_of([SERVICE]), sign)  # type: ignore[method-assign, assignment]
    return checked(app.test_client())


def checked(client: FlaskClient) -> FlaskClient:
    """The same client, every answer of which is checked."""
    plain: Callable[..., Any] = client.open

    def judged(*args: Any, **kwargs: Any) -> Any:
        response = plain(*args, **kwargs)
        check_response(response)
        return response

    client.open = judged  # type: ignore[method-assign]  # the client's own verbs all go through `open`
    return client

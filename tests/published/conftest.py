"""Searching what is published, in one line."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

Get = Callable[..., Any]


@pytest.fixture
def fhir(client: FlaskClient) -> Get:
    """GET below /fhir; answers the JSON after checking status and content type."""

    def get(path: str, status: int = 200, **headers: str) -> Any:
        response = client.get(f"/fhir/{path}", headers=headers)
        assert response.status_code == status, response.text
        assert response.mimetype == "application/fhir+json"
        return response.json

    return get

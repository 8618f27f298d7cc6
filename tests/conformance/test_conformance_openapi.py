"""The description at /openapi.json is true: schemathesis makes calls from it, and every answer is one it promises."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from cds_service.app import close_app, create_app
from cds_service.config import load_settings
from cds_service.content import Content

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
BOUNDED = settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def described(content: Content, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The service, with everything that can be published."""
    folder = tmp_path_factory.mktemp("described")
    app = create_app(
        load_settings(
            {
                "SECOND_READ_AUTH": "off",
                "SECOND_READ_DATABASE_URL": f"sqlite:///{folder}/ledger.db",
                "SECOND_READ_LEDGER_KEY_FILE": str(folder / "key"),
                "SECOND_READ_RULES_MODE": "as-files",
                "SECOND_READ_CARDS_PER_CLINICIAN": "0",
                "SECOND_READ_CARDS_PER_ENCOUNTER": "0",
                "SECOND_READ_CALLS_PER_SECOND": "0",
            }
        ),
        content=content,
    )
    yield app
    close_app(app)


@pytest.fixture(scope="module")
def schema(described: Flask) -> Any:
    """What schemathesis reads at /openapi.json."""
    return schemathesis.openapi.from_wsgi("/openapi.json", described)


def test_every_answer_is_one_that_is_described(schema: Any) -> None:
    """For calls made from the description, status, media type and body are as it says; never a 500."""
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) >= 7
    for operation in operations:

        @BOUNDED
        @given(case=operation.as_strategy())
        def answered(case: schemathesis.Case) -> None:
            case.call_and_validate(checks=CHECKS)

        answered()


def test_the_description_is_openapi(described: Flask) -> None:
    """It is OpenAPI 3.1, with an id of its own for each operation."""
    found = described.test_client().get("/openapi.json").get_json()
    assert found["openapi"] == "3.1.0"
    ids = [operation["operationId"] for path in found["paths"].values() for operation in path.values()]
    assert len(ids) == len(set(ids))
    for name, part in found["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(part)
        for reference in re.findall(r'"\$ref": "([^"]+)"', json.dumps(part)):
            node: Any = found
            for step in reference.removeprefix("#/").split("/"):
                node = node[step]
            assert node, f"{name}: {reference}"


def test_every_path_is_described(described: Flask) -> None:
    """What the service routes is in the description, and what is described is routed."""
    found = described.test_client().get("/openapi.json").get_json()
    routed = {re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule) for rule in described.url_map.iter_rules()}
    assert set(found["paths"]) == routed


def test_it_says_who_is_let_in(content: Content, tmp_path: Path) -> None:
    """With authentication on, each CDS Hooks operation names the scheme, and health checks name none."""
    from cds_service.web import openapi

    for auth, scheme in (("jwt", "jwt"), ("mtls", "certificate")):
        found = openapi(content.services, ("https://cds.hospital.example",), auth)
        assert found["servers"] == [{"url": "https://cds.hospital.example"}]
        assert found["paths"]["/cds-services"]["get"]["security"] == [{scheme: []}]
        assert found["paths"]["/healthz"]["get"]["security"] == []
        assert found["paths"]["/metrics"]["get"]["security"] == [{"operator": []}]
        assert scheme in found["components"]["securitySchemes"]

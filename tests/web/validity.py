"""Every answer of the service, judged by the JSON Schemas that it ships."""

from typing import Any
from urllib.parse import urlsplit

import flask
import orjson

from cds_service.web.shapes import Shape, issues


def check_response(response: Any) -> None:
    """Fail unless a CDS Hooks answer is one that CDS Hooks 2.0.1 allows; answers of other paths pass unseen.

    Takes an answer of Flask's test client, of `requests`, or, within a request, of an `after_request` function.
    """
    asked = getattr(response, "request", None) or flask.request
    path = urlsplit(asked.url).path
    if not path.startswith("/cds-services") or asked.method not in ("GET", "POST"):
        return
    body: bytes = response.content if hasattr(response, "content") else response.get_data()
    kind = response.headers.get("Content-Type", "")
    if response.status_code == 401:
        assert body == b"", "a 401 gives no reason"
        return
    document = orjson.loads(body)
    if response.status_code != 200:
        assert response.status_code in (400, 404, 405, 411, 412, 413, 415, 500, 503), response.status_code
        assert kind == "application/fhir+json"
        _fits("operation-outcome", document)
        return
    assert kind == "application/json"
    if path.endswith("/feedback"):
        assert document == {}
        return
    shape: Shape = "discovery" if path == "/cds-services" else "response"
    _fits(shape, document)


def _fits(shape: Shape, document: Any) -> None:
    wrong = issues(shape, document)
    assert not wrong, f"not a valid {shape}: " + "; ".join(f"{fault.path}: {fault.expected}" for fault in wrong)

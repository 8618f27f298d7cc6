"""Deep nesting that JSON still allows, anywhere in a call."""

import json
import sys
from typing import Any

import builders
import orjson
import pytest
from flask.testing import FlaskClient


def deep(levels: int, kind: str) -> Any:
    """A value nested that deeply."""
    value: Any = "x"
    for _ in range(levels):
        value = {"extension": value} if kind == "dict" else [value]
    return value


@pytest.mark.parametrize("kind", ["dict", "list"])
@pytest.mark.parametrize("where", ["order", "order code", "contained", "prefetch", "report", "extension"])
def test_deep_nesting_costs_at_most_its_own_place(where: str, kind: str, client: FlaskClient) -> None:
    """A thousand levels below any member are answered like any other unreadable value, never with 500."""
    nested = deep(1000, kind)
    order, report = builders.fusion(), builders.report()
    body = builders.hook(order, prefetch=builders.prefetch(builders.mri(), report))
    if where == "order":
        body["context"]["draftOrders"]["entry"].append({"resource": nested})
    elif where == "order code":
        order["code"] = nested
    elif where == "contained":
        order["contained"] = [nested]
    elif where == "prefetch":
        body["prefetch"]["conditions"] = nested
    elif where == "report":
        report["presentedForm"] = nested
    else:
        body["extension"] = {"x": nested}
    answer = client.post("/cds-services/second-read", data=written(body), content_type="application/json")
    assert answer.status_code in (200, 400, 412)


def written(body: Any) -> bytes:
    """JSON of any depth (orjson writes 254 levels at most)."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)
    try:
        return json.dumps(body).encode()
    finally:
        sys.setrecursionlimit(before)


def test_the_reader_of_json_sets_the_limit(client: FlaskClient) -> None:
    """Beyond 1024 levels the call is refused by name."""
    body = b'{"hook":' + b"[" * 2000 + b"]" * 2000 + b"}"
    answer = client.post("/cds-services/second-read", data=body, content_type="application/json")
    assert answer.status_code == 400
    assert "1024 levels" in orjson.loads(answer.data)["issue"][0]["diagnostics"]

"""Whatever JSON arrives, the service answers as CDS Hooks says, and never with 500."""

from typing import Any

import builders
import orjson
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from web.calls import accepted, overridden

PATH = "/cds-services/second-read"
SHARED = settings(
    max_examples=80, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.floats(allow_nan=False, allow_infinity=False),
                    st.sampled_from(["", "active", "Patient/pat-1", "2026-11-20", "ServiceRequest"]))  # fmt: skip
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
    st.sampled_from(["resourceType", "entry", "resource", "code", "coding", "system", "id", "reference", "status"]),
    inner, max_size=3), max_leaves=8)  # fmt: skip


def whole() -> dict[str, Any]:
    """A call that earns a card."""
    body = builders.hook(
        builders.fusion(), builders.drug(id="order-2"), prefetch=builders.prefetch(builders.mri(), builders.report())
    )
    return body | {"extension": {"com.example": 1}}


def places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON document."""
    steps = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    return [path, *(place for step, inner in steps for place in places(inner, (*path, step)))]


def bent(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The document with another value at one place."""
    if not path:
        return value
    copy = dict(document) if isinstance(document, dict) else list(document)
    copy[path[0]] = bent(document[path[0]], path[1:], value)
    return copy


def post(client: FlaskClient, body: Any, path: str = PATH) -> int:
    """Send JSON; the fixture checks the answer against the schemas."""
    code: int = client.post(path, data=orjson.dumps(body), content_type="application/json").status_code
    return code


@SHARED
@given(body=JSON)
def test_any_json(client: FlaskClient, body: Any) -> None:
    """A body that is any JSON at all is refused by name."""
    assert post(client, body) == 400
    assert post(client, body, PATH + "/feedback") in (200, 400)


@SHARED
@given(place=st.sampled_from(places(whole())), value=JSON)
def test_a_call_with_anything_in_any_place(client: FlaskClient, place: tuple[Any, ...], value: Any) -> None:
    """One place of a good call replaced by any JSON costs at most that place: 200, or 400 or 412 by name."""
    assert post(client, bent(whole(), place, value)) in (200, 400, 412)


@SHARED
@given(
    place=st.sampled_from(places({"feedback": [accepted(), overridden()]})),
    value=JSON,
)
def test_feedback_with_anything_in_any_place(client: FlaskClient, place: tuple[Any, ...], value: Any) -> None:
    """One place of good feedback replaced by any JSON is kept or named."""
    assert post(client, bent({"feedback": [accepted(), overridden()]}, place, value), PATH + "/feedback") in (200, 400)


@SHARED
@given(body=st.binary(max_size=60))
def test_any_bytes(client: FlaskClient, body: bytes) -> None:
    """A body that is no JSON is refused by name."""
    assert client.post(PATH, data=body, content_type="application/json").status_code == 400

"""The three CDS Hooks endpoints. What they need is passed in; this room knows HTTP and JSON alone."""

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Any

import orjson
from flask import Blueprint, Response, abort, request

from cds_service.errors import BadRequest, Issue
from cds_service.model import AuthenticatedClient, Card, Feedback, HookRequest
from cds_service.telemetry import count_call, count_cards, count_feedback, count_order_sign
from cds_service.web.errors import issue, operation_outcome
from cds_service.web.feedback import read_feedback
from cds_service.web.order_sign import read_order_sign
from cds_service.web.shapes import issues

JSON = "application/json"
_NO_CARDS = orjson.dumps({"cards": []})

Authenticate = Callable[[Mapping[str, Any], str], AuthenticatedClient]  # (WSGI environ, path)
Answer = Callable[[HookRequest, AuthenticatedClient], Sequence[Card]]
KeepFeedback = Callable[[AuthenticatedClient, Sequence[Feedback]], None]


def cds_hooks_blueprint(
    services: Sequence[Mapping[str, Any]], *, authenticate: Authenticate, answer: Answer, keep_feedback: KeepFeedback
) -> Blueprint:
    """Discovery of `services`, and order-sign and feedback for each of them."""
    discovery: dict[str, Any] = {"services": [dict(service) for service in services]}
    if wrong := issues("discovery", discovery):
        raise BadRequest(wrong)
    listed = orjson.dumps(discovery)
    known = frozenset(service["id"] for service in services)
    blueprint = Blueprint("cds_hooks", __name__)

    @blueprint.get("/cds-services")
    def discover() -> Response:
        authenticate(request.environ, request.path)
        count_call("discover", "ok")
        return Response(listed, mimetype=JSON)

    @blueprint.post("/cds-services/<service>")
    def order_sign(service: str) -> Response:
        started = perf_counter()
        client = _admit(authenticate, known, service)
        cards = answer(read_order_sign(_json_body()), client)
        body = orjson.dumps({"cards": [card.wire for card in cards]}) if cards else _NO_CARDS
        if cards:
            count_cards(cards)
        count_order_sign("card" if cards else "silent", perf_counter() - started)
        return Response(body, mimetype=JSON)

    @blueprint.post("/cds-services/<service>/feedback")
    def feedback(service: str) -> Response:
        client = _admit(authenticate, known, service)
        kept, faults = read_feedback(_json_body())
        if kept:
            keep_feedback(client, kept)
        for item in kept:
            count_feedback(item.outcome)
        if faults:
            return _partly_kept(len(kept), faults)
        count_call("feedback", "ok")
        return Response(b"{}", mimetype=JSON)

    return blueprint


def _admit(authenticate: Authenticate, known: frozenset[str], service: str) -> AuthenticatedClient:
    client = authenticate(request.environ, request.path)
    if service not in known:
        abort(404)
    return client


def _json_body() -> bytes:
    """The body, where the headers do not say clearly that it is something else than JSON."""
    kind = request.environ.get("CONTENT_TYPE", "")
    if kind != JSON and kind and not _says_json(kind):
        abort(415)
    if request.environ.get("HTTP_CONTENT_ENCODING", "identity").lower() != "identity":
        abort(415)
    body = request.get_data(cache=False)
    # A body without Content-Length (chunked) is cut at the limit, not refused, by the library.
    if request.content_length is None and len(body) >= (request.max_content_length or len(body) + 1):
        abort(413)
    return body


def _says_json(kind: str) -> bool:
    media_type = kind.partition(";")[0].strip().lower()
    return media_type in (JSON, "text/json") or media_type.endswith("+json")


def _partly_kept(kept: int, faults: Sequence[Issue]) -> Response:
    """400 for the entries that break the specification; the others have been kept, and the answer says so."""
    count_call("feedback", "bad-request")
    found = [issue("value", f"expected {fault.expected}", fault.path) for fault in faults]
    if kept:
        found.append(issue("informational", f"{kept} other entries were kept", severity="information"))
    return operation_outcome(400, found)

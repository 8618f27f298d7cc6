"""The three CDS Hooks endpoints. What they need is passed in; this room knows HTTP and JSON alone."""

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Any

import orjson
from flask import Blueprint, Response, request

from cds_service.errors import BadRequest, Issue
from cds_service.model import AuthenticatedClient, Card, Feedback, HookRequest
from cds_service.telemetry import count_call, count_cards, count_feedback, count_order_sign
from cds_service.web.access import asks_its_caller
from cds_service.web.body import JSON, json_body
from cds_service.web.direct import RAISED, Sign
from cds_service.web.errors import issue, operation_outcome
from cds_service.web.feedback import read_feedback
from cds_service.web.openapi import openapi
from cds_service.web.order_sign import read_order_select, read_order_sign
from cds_service.web.shapes import issues

_NO_CARDS = orjson.dumps({"cards": []})

Authenticate = Callable[[Mapping[str, Any], str], AuthenticatedClient]  # (WSGI environ, path)
Answer = Callable[[HookRequest, AuthenticatedClient], Sequence[Card]]
KeepFeedback = Callable[[AuthenticatedClient, Sequence[Feedback]], None]


def order_signer(
    authenticate: Authenticate, answer: Answer, max_body_bytes: int, services: Sequence[Mapping[str, Any]] = ()
) -> Sign:
    """What answers one order-sign call, from the WSGI environment to the bytes of the response.

    Paths of `services` whose hook is order-select are answered by the same decision, about what is selected.
    """
    selecting = paths_of([service for service in services if service["hook"] == "order-select"])

    def sign(environ: dict[str, Any], path: str) -> bytes:
        started = perf_counter()
        client = authenticate(environ, path)
        read_call = read_order_select if path in selecting else read_order_sign
        cards = answer(read_call(json_body(environ, max_body_bytes)), client)
        if cards:
            count_cards(cards)
        count_order_sign("card" if cards else "silent", perf_counter() - started)
        return orjson.dumps({"cards": [card.wire for card in cards]}) if cards else _NO_CARDS

    return sign


def paths_of(services: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """Where order-sign calls are sent."""
    return frozenset(f"/cds-services/{service['id']}" for service in services)


def cds_hooks_blueprint(
    services: Sequence[Mapping[str, Any]],
    *,
    authenticate: Authenticate,
    sign: Sign,
    keep_feedback: KeepFeedback,
    max_body_bytes: int,
    description: Mapping[str, Any] | None = None,
) -> Blueprint:
    """Discovery of `services`, their `description`, and order-sign and feedback for each of them."""
    discovery: dict[str, Any] = {"services": [dict(service) for service in services]}
    if wrong := issues("discovery", discovery):
        raise BadRequest(wrong)
    listed = orjson.dumps(discovery)
    described = orjson.dumps(description if description is not None else openapi(services))
    blueprint = Blueprint("cds_hooks", __name__)

    @blueprint.get("/cds-services")
    @asks_its_caller
    def discover() -> Response:
        authenticate(request.environ, request.path)
        count_call("discover", "ok")
        return Response(listed, mimetype=JSON)

    @blueprint.get("/openapi.json")
    @asks_its_caller
    def describe() -> Response:
        authenticate(request.environ, request.path)
        count_call("describe", "ok")
        return Response(described, mimetype=JSON)

    @asks_its_caller
    def order_sign() -> Response:
        raised = request.environ.pop(RAISED, None)
        if raised is not None:
            raise raised
        return Response(sign(request.environ, request.path), mimetype=JSON)

    @asks_its_caller
    def feedback() -> Response:
        client = authenticate(request.environ, request.path)
        kept, faults = read_feedback(json_body(request.environ, max_body_bytes))
        if kept:
            keep_feedback(client, kept)
        for item in kept:
            count_feedback(item.outcome)
        if faults:
            return _partly_kept(len(kept), faults)
        count_call("feedback", "ok")
        return Response(b"{}", mimetype=JSON)

    for path in sorted(paths_of(services)):  # paths without variables are matched quicker
        blueprint.add_url_rule(path, "order_sign", order_sign, methods=["POST"])
        blueprint.add_url_rule(f"{path}/feedback", "feedback", feedback, methods=["POST"])
    return blueprint


def _partly_kept(kept: int, faults: Sequence[Issue]) -> Response:
    """400 for the entries that break the specification; the others have been kept, and the answer says so."""
    count_call("feedback", "bad-request")
    found = [issue("value", f"expected {fault.expected}", fault.path) for fault in faults]
    if kept:
        found.append(issue("informational", f"{kept} other entries were kept", severity="information"))
    return operation_outcome(400, found)

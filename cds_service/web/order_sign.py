"""Bytes of an order-sign call -> `HookRequest`, or `BadRequest` naming each place that breaks CDS Hooks 2.0.1.

Only the envelope is judged (sections HTTP Request, Providing FHIR Resources; order-sign 1.0). What stands in the basket
and in prefetch is read entry by entry later, so that one unreadable entry never costs the rest.
"""

import re
from dataclasses import replace
from typing import Any

import orjson

from cds_service.errors import BadRequest, Issue
from cds_service.model import FhirAccess, HookRequest
from cds_service.web.shapes import issues

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_is_uuid = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}").fullmatch
_is_id = re.compile(r"(?:[A-Za-z0-9._-]{1,128})").fullmatch


def parse(body: bytes) -> Any:
    """A JSON document; raises `BadRequest` naming line and column where it is not one."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if body.startswith(_BYTE_ORDER_MARK):
            return parse(body.removeprefix(_BYTE_ORDER_MARK))
        where = f" (line {error.lineno}, column {error.colno})" if body else " (the body is empty)"
        expected = "nesting of at most 1024 levels" if "depth" in error.msg else "a JSON document in UTF-8"
        raise BadRequest((Issue("$", expected + where),)) from None


def read_order_sign(body: bytes) -> HookRequest:
    """The call in `body`; raises `BadRequest`."""
    return request_of(parse(body))


def read_order_select(body: bytes) -> HookRequest:
    """An order-select call, which is an order-sign call about `context.selections` alone; raises `BadRequest`.

    What is not selected yet is background (CDS Hooks library, order-select 1.0.2).
    """
    call = parse(body)
    if not isinstance(call, dict) or call.get("hook") != "order-select":
        raise BadRequest((Issue("$.hook", "`order-select`, the hook of this service"),))
    request = request_of(call | {"hook": "order-sign"})
    chosen = call["context"].get("selections")
    if not isinstance(chosen, list) or not all(isinstance(each, str) for each in chosen):
        raise BadRequest((Issue("$.context.selections", "required: an array of `Type/id`, the orders just selected"),))
    return replace(request, selections=tuple(chosen))


def request_of(call: Any) -> HookRequest:
    """The call in a JSON document; raises `BadRequest`."""
    # The schema costs a tenth of a millisecond, most of what an irrelevant call may cost. So the common case is
    # accepted by hand, and the schema is asked only on doubt: it has the last word, and names what is wrong. That the
    # short cut accepts nothing which the schema refuses is a property test.
    if not certainly_fits(call) and (found := issues("order-sign-request", call)):
        raise BadRequest(found)
    context: dict[str, Any] = call["context"]
    encounter: str | None = context.get("encounterId")
    return HookRequest(
        hook_instance=call["hookInstance"].removeprefix("urn:uuid:"),
        user_id=context["userId"],
        patient_id=context["patientId"].removeprefix("Patient/"),
        encounter_id=encounter.removeprefix("Encounter/") if encounter else None,
        draft_orders=tuple(context["draftOrders"].get("entry") or ()),
        prefetch=call.get("prefetch") or {},
        fhir=_fhir(call),
        extensions=_names(call.get("extension")),
    )


def certainly_fits(call: Any) -> bool:
    """Whether `call` is of the common form, which the schema accepts; False means doubt, not refusal."""
    try:
        context = call["context"]
        basket = context["draftOrders"]
        encounter = context.get("encounterId")
        authorization = call.get("fhirAuthorization")
        server = call.get("fhirServer")
        return bool(
            call["hook"] == "order-sign"
            and _is_uuid(call["hookInstance"])
            and _is_id(context["patientId"])
            and (encounter is None or _is_id(encounter))
            and context["userId"].strip()
            and type(basket.get("entry")) is list
            and basket["resourceType"] == "Bundle"
            and type(call.get("prefetch")) in _OBJECT_OR_NONE
            and (server is None or _plain_url(server))
            and (authorization is None or (server is not None and _plain_authorization(authorization)))
        )
    except (KeyError, TypeError, AttributeError):
        return False


_OBJECT_OR_NONE = (dict, type(None))


def _plain_url(server: Any) -> bool:
    return type(server) is str and server.startswith(("https://", "http://")) and _is_host_and_path(server) is not None


_is_host_and_path = re.compile(r"https?://[A-Za-z0-9.:_\-\[\]]+[A-Za-z0-9.:/_~%\-]*").fullmatch


def _plain_authorization(authorization: Any) -> bool:
    scope = authorization.get("scope")
    return (
        type(authorization["access_token"]) is str
        and authorization.get("token_type", "Bearer") == "Bearer"
        and (scope is None or type(scope) is str)
    )


def _fhir(call: dict[str, Any]) -> FhirAccess | None:
    server = call.get("fhirServer")
    if not server:
        return None
    authorization = call.get("fhirAuthorization") or {}
    # An empty token is what a client without one sends; it is no token.
    return FhirAccess(server.rstrip("/"), authorization.get("access_token") or None, authorization.get("scope") or "")


def _names(extension: Any) -> tuple[str, ...]:
    return tuple(extension) if isinstance(extension, dict) else ()

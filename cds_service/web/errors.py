"""Every refusal and failure as an HTTP answer: an OperationOutcome (CDS Hooks 3.0, HTTP Status Codes; FHIR R4).

A 401 is bare, for its reason would help a forger. What failed inside is logged by type and place, and never told.
"""

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from cds_service.errors import (
    BadRequest,
    Issue,
    LedgerUnavailable,
    PrefetchRequired,
    ReplayStoreUnavailable,
    TooManyCalls,
    Unauthorized,
)
from cds_service.telemetry import count_call, log

MEDIA_TYPE = "application/fhir+json"
RETRY_AFTER_SECONDS = 5
_PACKAGE = Path(__file__).parents[1]
_is_fhirpath = re.compile(r"[A-Za-z]\w*(?:\[\d+\])*(?:\.[A-Za-z]\w*(?:\[\d+\])*)*").fullmatch
_CODES = {404: "not-found", 405: "not-supported", 413: "too-long", 415: "not-supported"}
_EXPECTED = {
    404: "a path of this service; GET /cds-services lists what it offers",
    405: "a method listed in the header Allow",
}


def operation_outcome(status: int, issues: Iterable[dict[str, Any]], **headers: str) -> Response:
    """An answer with these issues."""
    body = orjson.dumps({"resourceType": "OperationOutcome", "issue": list(issues)})
    return Response(body, status, headers, mimetype=MEDIA_TYPE)


def issue(code: str, text: str, path: str = "", severity: str = "error") -> dict[str, Any]:
    """One issue; a JSON path such as `$.context.patientId` is told in words and, where it can be, as FHIRPath."""
    found: dict[str, Any] = {"severity": severity, "code": code, "diagnostics": f"{path}: {text}" if path else text}
    if path.startswith("$.") and _is_fhirpath(path[2:]):
        found["expression"] = [path[2:]]
    return found


def answer_errors(app: Flask) -> None:
    """Let `app` answer every exception as this module says."""
    app.register_error_handler(BadRequest, _bad_request)
    app.register_error_handler(Unauthorized, _unauthorized)
    app.register_error_handler(PrefetchRequired, _prefetch_required)
    app.register_error_handler(LedgerUnavailable, _ledger_unavailable)
    app.register_error_handler(ReplayStoreUnavailable, _replay_store_unavailable)
    app.register_error_handler(TooManyCalls, _too_many_calls)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def _count(outcome: str) -> None:
    count_call((request.endpoint or "none").rpartition(".")[2].replace("_", "-"), outcome)


def _bad_request(error: BadRequest) -> Response:
    _count("bad-request")
    log.info("request refused", status=error.status, reason=", ".join(fault.path for fault in error.issues))
    return operation_outcome(
        error.status,
        (issue(_code(fault, error.status), f"expected {fault.expected}", fault.path) for fault in error.issues),
    )


def _code(fault: Issue, status: int) -> str:
    if fault.expected.startswith("required: "):
        return "required"
    return _CODES.get(status, "structure" if fault.path == "$" else "value")


def _unauthorized(error: Unauthorized) -> Response:
    _count("unauthorized")
    log.warning("caller not authenticated", reason=error.reason, endpoint=request.endpoint)
    return Response(status=401, headers={"WWW-Authenticate": "Bearer"})


def _prefetch_required(error: PrefetchRequired) -> Response:
    """CDS Hooks 2.0.1, Prefetch Template: required data is missing and cannot be read."""
    _count("prefetch-required")
    log.info("prefetch required", what=list(error.keys), reason=error.reason)
    return operation_outcome(
        412, (issue("required", f"expected, because {error.reason}", f"$.prefetch.{key}") for key in error.keys)
    )


def _ledger_unavailable(_error: LedgerUnavailable) -> Response:
    _count("ledger-unavailable")
    log.error("ledger unavailable")
    text = "this could not be kept now; please send it again"
    return operation_outcome(503, [issue("transient", text)], **{"Retry-After": str(RETRY_AFTER_SECONDS)})


def _replay_store_unavailable(error: ReplayStoreUnavailable) -> Response:
    """Refused, for a token that may have been used before proves nothing; not 401, for the caller did nothing wrong."""
    _count("replay-store-unavailable")
    log.error("seen tokens unavailable", reason=str(error))
    text = "the call could not be checked now; please send it again"
    return operation_outcome(503, [issue("transient", text)], **{"Retry-After": str(RETRY_AFTER_SECONDS)})


def _too_many_calls(error: TooManyCalls) -> Response:
    _count("too-many-calls")
    text = f"too many calls of this client; the next is taken after {error.seconds} s"
    return operation_outcome(429, [issue("throttled", text)], **{"Retry-After": str(error.seconds)})


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    if status < 400:
        return Response(status=status, headers=error.get_headers())
    _count(f"http-{status}")
    expected = _EXPECTED.get(status, error.name)
    headers = {name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")}
    return operation_outcome(status, [issue(_CODES.get(status, "invalid"), f"expected {expected}")], **headers)


def _unexpected(error: Exception) -> Response:
    """The type and the place are enough to find it; the words of an exception may quote the request."""
    _count("error")
    log.error("call failed", error=type(error).__name__, where=_place(error), endpoint=request.endpoint)
    return operation_outcome(500, [issue("exception", "the service failed on this call; its owner has been told")])


def _place(error: BaseException) -> str:
    place, step = "", error.__traceback__
    while step is not None:
        file = Path(step.tb_frame.f_code.co_filename)
        if file.is_relative_to(_PACKAGE):
            place = f"{file.relative_to(_PACKAGE)}:{step.tb_lineno}"
        step = step.tb_next
    return place or sys.version.split()[0]

"""Every call has an id: the caller's own `X-Request-Id` where it is harmless, else one of ours.

It stands in each log line of the call and in the answer, so that an EHR's log and ours can be laid side by side. A
caller's id is taken only if it is made of hexadecimal digits and hyphens, as UUIDs and trace ids are, or is a ULID:
such an id cannot hold a name, break a log line or a header.
"""

import os
import re
from collections.abc import Callable, Iterable
from itertools import count
from typing import TYPE_CHECKING, Any

from cds_service.telemetry import with_request_id

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HEADER = "X-Request-Id"
_harmless = re.compile(r"[0-9A-Fa-f-]{16,64}|[0-7][0-9A-HJKMNP-TV-Z]{25}").fullmatch


def identified(application: "WSGIApplication") -> "WSGIApplication":
    """`application`, with an id for each call."""
    begin, number = os.urandom(8).hex(), count(1)

    def answering(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        given = environ.get("HTTP_X_REQUEST_ID")
        id = given if given and _harmless(given) else f"{begin}{next(number):08x}"
        with_request_id(id)

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Callable[[bytes], object]:
            headers.append((HEADER, id))
            return start_response(status, headers, *error)

        return application(environ, start)

    return answering

"""Order-sign calls answered before the framework takes its turn.

The hook fires on every order that is signed, and most orders concern nobody here: finding the route, the contexts and
the response object cost more than deciding so. Whatever is not a plain answer goes through the framework after all, so
that errors are worded in one place.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from cds_service.web.body import JSON

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

RAISED = "second_read.raised"  # in the WSGI environment: what the route is to raise instead of trying again
Sign = Callable[[dict[str, Any], str], bytes]  # (WSGI environ, path) -> the body of the answer


def directly(framework: "WSGIApplication", paths: frozenset[str], sign: Sign) -> "WSGIApplication":
    """`framework`, with POSTs to `paths` answered by `sign`; what that raises is raised again by the route itself."""

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path not in paths or environ["REQUEST_METHOD"] != "POST":
            return framework(environ, start_response)
        try:
            body = sign(environ, path)
        except Exception as error:  # noqa: BLE001  the route raises it again, and its handlers know every kind
            environ[RAISED] = error
            return framework(environ, start_response)
        start_response("200 OK", [("Content-Type", JSON), ("Content-Length", str(len(body)))])
        return (body,)

    return application

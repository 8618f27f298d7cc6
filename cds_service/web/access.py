"""Which endpoint is open to whom: what is not public, and does not ask its caller itself, needs the operator's token.

Closed by default, so that a page added later is not open by oversight. Public pages hold no patient data: health
checks, and the rule pages that cards link to.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from flask import Flask, request

from cds_service.errors import Unauthorized

View = TypeVar("View", bound=Callable[..., Any])
_DOOR = "second_read_door"


def public(view: View) -> View:
    """A view open to everybody; it must hold no patient data."""
    setattr(view, _DOOR, "public")
    return view


def asks_its_caller(view: View) -> View:
    """A view that authenticates its caller itself, as the CDS Hooks endpoints do."""
    setattr(view, _DOOR, "caller")
    return view


def door(view: Callable[..., Any]) -> str:
    """`public`, `caller` or `operator`."""
    return getattr(view, _DOOR, "operator")


def close_by_default(app: Flask, is_operator: Callable[[Mapping[str, Any]], bool]) -> None:
    """Let `app` refuse with 401 whoever asks for an operator's page without being one."""

    @app.before_request
    def _at_the_door() -> None:
        view = app.view_functions.get(request.endpoint or "")
        # An unknown path has no view and becomes 404; the answer to OPTIONS is the framework's and says nothing.
        if view is None or request.method == "OPTIONS" or door(view) != "operator":
            return
        if not is_operator(request.environ):
            raise Unauthorized("not an operator")

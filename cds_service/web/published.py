"""The rules to be read: one page a rule at /rules, and FHIR R4 at /fhir, read-only. No patient data.

The pages are open to everybody, because a card's link is opened in a browser that has no key; /fhir is for whoever has
the operator's token (`access`). What is shown is the content that the hospital itself has written or installed.
"""

from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

import orjson
from flask import Blueprint, Response, request

from cds_service.content import Content
from cds_service.errors import BadRequest, Issue
from cds_service.published import Published, capability_statement, published, search
from cds_service.published.html import STYLE, index_page, intended_use_page, rule_page
from cds_service.telemetry import count_call
from cds_service.web.access import public
from cds_service.web.errors import MEDIA_TYPE, issue, operation_outcome

_FORM = "application/x-www-form-urlencoded"
_JSON_FORMATS = {"json", "application/json", MEDIA_TYPE, "text/json"}
_MOST_FORM = 16 * 1024
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
_HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-cache"}


class Shelf:
    """What is published of the content that is loaded now; laid out when first asked for, and again when it changes."""

    def __init__(self, content: Callable[[], Content]) -> None:
        self._content = content
        self._of: Content | None = None
        self._found: Mapping[str, Mapping[str, Published]] = {}

    @property
    def content(self) -> Content:
        """The content of now."""
        return self._content()

    def resources(self) -> Mapping[str, Mapping[str, Published]]:
        """Type -> id -> resource."""
        content = self._content()
        if self._of is not content:
            self._found = published(content)
            self._of = content
        return self._found


def published_blueprint(content: Callable[[], Content], public_url: str | None) -> Blueprint:
    """Both, over whatever `content()` answers. `public_url` is how callers reach the service, where that is known."""
    blueprint = Blueprint("published", __name__)
    shelf = Shelf(content)

    def base() -> str:
        return f"{public_url or request.host_url.rstrip('/')}/fhir"

    @blueprint.get("/fhir/metadata")
    def metadata() -> Response:
        _check_format()
        reviewed = max((str(rule.about.get("reviewed", "")) for rule in shelf.content.rules.rules), default="")
        return _fhir(capability_statement(base(), version("second-read"), reviewed), shelf.content)

    @blueprint.get("/fhir/<kind>")
    def search_type(kind: str) -> Response:
        return _searched(shelf, kind, list(request.args.items(multi=True)), base())

    @blueprint.post("/fhir/<kind>/_search")
    def search_by_form(kind: str) -> Response:
        if request.mimetype != _FORM or (request.content_length or 0) > _MOST_FORM:
            raise BadRequest((Issue("Content-Type", f"{_FORM}, of at most {_MOST_FORM} bytes"),), 415)
        request.max_content_length = _MOST_FORM
        pairs = [*request.args.items(multi=True), *request.form.items(multi=True)]
        return _searched(shelf, kind, pairs, base())

    @blueprint.get("/fhir/<kind>/<id>")
    def read(kind: str, id: str) -> Response:
        _check_format()
        of = shelf.resources().get(kind)
        if of is None:
            return _no_such_type(kind, shelf)
        if id not in of:
            return operation_outcome(404, [issue("not-found", f"there is no {kind} of this id")])
        count_call("fhir-read", "ok")
        return _fhir(of[id].read(), shelf.content)

    @blueprint.get("/rules/")
    @public
    def rule_index() -> Response:
        return _html(index_page(shelf.content))

    @blueprint.get("/rules/<id>")
    @public
    def page_of(id: str) -> Response:
        rule = shelf.content.rules.rule(id)
        if rule is None:
            return operation_outcome(404, [issue("not-found", "there is no rule of this id; /rules/ lists them")])
        return _html(rule_page(rule, shelf.content))

    @blueprint.get("/rules/intended-use")
    @public
    def intended_use() -> Response:
        return _html(intended_use_page(shelf.content))

    @blueprint.get("/rules/style.css")
    @public
    def style() -> Response:
        return Response(STYLE, mimetype="text/css", headers=_HEADERS)

    return blueprint


def _searched(shelf: Shelf, kind: str, pairs: list[tuple[str, str]], base: str) -> Response:
    _check_format(dict(pairs).get("_format"))
    of = shelf.resources().get(kind)
    if of is None:
        return _no_such_type(kind, shelf)
    strict = "handling=strict" in request.headers.get("Prefer", "").replace(" ", "").lower()
    bundle = search(of, kind, pairs, base, strict=strict)
    count_call("fhir-search", "ok")
    return _fhir(bundle, shelf.content)


def _no_such_type(kind: str, shelf: Shelf) -> Response:
    known = ", ".join(shelf.resources())
    return operation_outcome(404, [issue("not-supported", f"{kind[:64]} is not served here; there are {known}")])


def _check_format(asked: str | None = None) -> None:
    """FHIR R4, RESTful API: `_format` goes before Accept; only JSON is spoken here."""
    asked = asked or request.args.get("_format")
    if asked:
        if asked.partition(";")[0].strip().replace(" ", "+") not in _JSON_FORMATS:
            raise BadRequest((Issue("_format", "json"),), 406)
    elif request.headers.get("Accept", "").strip():
        wanted = {kind.partition(";")[0].strip().lower() for kind, quality in request.accept_mimetypes if quality > 0}
        if not wanted & {MEDIA_TYPE, "application/json", "application/*", "*/*"}:
            raise BadRequest((Issue("Accept", MEDIA_TYPE),), 406)


def _fhir(resource: Mapping[str, Any], content: Content) -> Response:
    """The resource, which a client that has it already need not be sent again."""
    response = Response(orjson.dumps(resource), headers=_HEADERS, mimetype=MEDIA_TYPE)
    response.set_etag(f"{content.digest}-{content.rules.digest}", weak=True)
    if request.method in ("GET", "HEAD"):
        response.make_conditional(request)
    return response


def _html(page: str) -> Response:
    count_call("rule-page", "ok")
    return Response(page, headers={**_HEADERS, "Content-Security-Policy": _POLICY}, mimetype="text/html")

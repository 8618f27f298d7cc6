"""The demo EHR at `/demo`: one page, and the few JSON answers it lives on. Registered in demo mode only.

The page itself plays the EHR: it takes a composed order-sign request from here, and sends it to the real CDS Hooks
endpoints from the browser, as any client would. Nothing here decides anything.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import orjson
from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from cds_service.content import Content
from cds_service.demo.chart_view import listed, shown
from cds_service.demo.charts import Chart, find_chart, load_charts
from cds_service.demo.hook_request import HOOK, hook_request
from cds_service.demo.side_by_side import side_by_side
from cds_service.ledger import Ledger

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)


def demo_blueprint(*, content: Content, ledger: Ledger, clock: Callable[[], datetime] | None = None) -> Blueprint:
    """The pages under `/demo`; charts are opened at the moment that `clock` tells (by default, now)."""
    opened_at = clock or (lambda: datetime.now(UTC))
    service = next(each["id"] for each in content.services if each["hook"] == HOOK)
    pages = Blueprint("demo", __name__, url_prefix="/demo", template_folder="templates", static_folder="static")

    @pages.get("")
    def short() -> AnyResponse:
        return redirect(url_for("demo.page"))

    @pages.get("/")
    def page() -> str:
        return render_template("demo/ehr.html", service=service)

    @pages.get("/charts")
    def charts() -> Response:
        now = opened_at()
        return _json([listed(chart, now) for chart in load_charts(now)])

    @pages.get("/charts/<id>")
    def chart(id: str) -> Response:
        now = opened_at()
        found = find_chart(id, now) or abort(404)
        return _json(shown(found, now) | {"expected": expected(found, content)})

    @pages.get("/charts/<id>/request")
    def composed(id: str) -> Response:
        found = find_chart(id, opened_at()) or abort(404)
        orders = [each for each in request.args.get("orders", "").split(",") if each]
        return _json(hook_request(found, content.prefetch, str(uuid4()), orders))

    @pages.get("/clients")
    def clients() -> str:
        return render_template("demo/clients.html")

    @pages.get("/charts/<id>/clients")
    def in_each_client(id: str) -> Response:
        now = opened_at()
        found = find_chart(id, now) or abort(404)
        return _json({"patient": listed(found, now)["patient"]["name"], "cards": side_by_side(found, content, now)})

    @pages.get("/why/<hook_instance>")
    def why(hook_instance: str) -> Response:
        return _json({"verdicts": ledger.verdicts(hook_instance)})

    @pages.after_request
    def guarded(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cache-Control"] = "no-store"
        return response

    return pages


def expected(chart: Chart, content: Content) -> dict[str, Any]:
    """What must happen, with the reader in the words that an order uses."""
    card = chart.expect.get("card")
    if card is None:
        return dict(chart.expect)
    if "subspecialty" not in card:  # a complete study or a notice is read by nobody in particular
        return dict(chart.expect)
    reader = content.routing.subspecialty(card["subspecialty"])
    return {"card": {**card, "reader": reader.label}}


def _json(body: Any) -> Response:
    return Response(orjson.dumps(body), mimetype="application/json")

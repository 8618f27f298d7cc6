"""Traces arrive at a collector, as part of the caller's own, with nothing of the patient."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import builders as b
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from cds_service.app import close_app, create_app
from cds_service.config import Settings
from cds_service.content import Content

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """Takes what the exporter sends over HTTP: (address, bodies)."""
    bodies: list[bytes] = []

    class Taking(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Taking) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", bodies
        server.shutdown()


def test_a_call_is_a_span_of_the_callers_trace(
    collector: tuple[str, list[bytes]], settings: Settings, content: Content
) -> None:
    """One span with the route and its stages below it; ids of the patient, the user or the order are nowhere."""
    address, bodies = collector
    app = create_app(replace(settings, otel_endpoint=address), content=content)
    body = b.hook(b.fusion(), prefetch=b.prefetch(b.mri(), b.report()))
    headers = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
    assert app.test_client().post("/cds-services/second-read", json=body, headers=headers).status_code == 200
    assert app.test_client().get("/rules/whoever-asks").status_code in (200, 404)
    close_app(app)
    sent = [ExportTraceServiceRequest.FromString(each) for each in bodies]
    spans = [s for each in sent for r in each.resource_spans for scope in r.scope_spans for s in scope.spans]
    (call,) = [s for s in spans if s.name == "POST /cds-services/second-read"]
    assert call.trace_id.hex() == TRACE
    below = [s.name for s in spans if s.parent_span_id == call.span_id]
    assert below == ["gather", "decide", "word"]
    assert "GET other" in {s.name for s in spans}
    for secret in (b.PATIENT, "surgeon-1", "order-1"):
        assert all(secret.encode() not in each for each in bodies)

"""OpenTelemetry traces, where a collector is named (`SECOND_READ_OTEL_ENDPOINT`, extra `otel`); else nothing is loaded.

One span a call, joined to the caller's trace by its `traceparent` header (W3C Trace Context), and under it one span for
each stage of deciding. A span holds method, route, status and request id: nothing of any patient.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from cds_service import __version__
from cds_service.errors import SettingsError
from cds_service.telemetry import listen_to_stages, request_id

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

NANOSECONDS = 1_000_000  # in a millisecond


class Tracing:
    """Spans of one process, sent to the collector from a thread of their own; made after any fork."""

    def __init__(self, endpoint: str) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
            from opentelemetry.trace import SpanKind
            from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
        except ModuleNotFoundError as error:
            raise SettingsError(
                f"SECOND_READ_OTEL_ENDPOINT: the extra `otel` is not installed ({error.name})"
            ) from error
        resource = Resource.create({"service.name": "second-read", "service.version": __version__})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{endpoint}/v1/traces")))
        self._tracer = self._provider.get_tracer("second-read", __version__)
        self._server = SpanKind.SERVER
        self._context = TraceContextTextMapPropagator()
        listen_to_stages(self._stages)

    def around(self, application: "WSGIApplication", routes: frozenset[str]) -> "WSGIApplication":
        """`application`, with a span for each call; a path that is none of `routes` is told as `other`."""

        def answering(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
            path = environ.get("PATH_INFO", "")
            route = path if path.removesuffix("/feedback") in routes else "other"
            method = environ["REQUEST_METHOD"]
            parent = self._context.extract({"traceparent": environ.get("HTTP_TRACEPARENT", "")})
            name = f"{method} {route}"
            with self._tracer.start_as_current_span(name, context=parent, kind=self._server) as span:
                span.set_attributes({"http.request.method": method, "http.route": route, "request.id": request_id()})

                def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Callable[[bytes], object]:
                    span.set_attribute("http.response.status_code", int(status[:3]))
                    return start_response(status, headers, *error)

                return application(environ, start)

        return answering

    def _stages(self, millis: Mapping[str, float]) -> None:
        """The stages of the call at hand, which have just ended one after the other."""
        at = time.time_ns() - int(sum(millis.values()) * NANOSECONDS)
        for stage, spent in millis.items():
            end = at + int(spent * NANOSECONDS)
            self._tracer.start_span(stage, start_time=at).end(end)
            at = end

    def close(self) -> None:
        """Send what waits."""
        listen_to_stages(None)
        self._provider.shutdown()

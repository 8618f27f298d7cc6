"""What operators see: JSON log lines and Prometheus metrics, neither of which can hold patient data.

A log line is an event of fixed words with fields from a closed list; any other field is dropped before it is rendered,
so that a careless call cannot leak (CDS Hooks, Security and Safety; the comment of a user is PHI). Metrics have labels
of bounded sets only. With several workers, PROMETHEUS_MULTIPROC_DIR must be set before this module is first imported.
"""

import logging
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

import orjson
import structlog
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest

from cds_service.model import Card, Gap

FIELDS: Final = frozenset({
    "event", "level", "timestamp", "client", "tenant", "issuer", "service", "endpoint", "method", "status", "outcome",
    "reason", "error", "where", "rule", "rules", "indicator", "cards", "what", "why", "count", "millis", "stage",
    "bytes", "host", "port", "pid", "workers", "threads", "auth", "mode", "digest", "fhir_servers", "server",
    "algorithm", "request_id",
})  # fmt: skip
LONGEST_VALUE: Final = 200
PREFETCH_KEYS: Final = frozenset({
    "patient", "encounter", "imagingStudies", "diagnosticReports", "conditions", "serviceRequests",
    "medicationRequests", "procedures", "stagingObservations",
})  # fmt: skip
_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.8, 1.5, 5.0)

_calls = Counter("second_read_calls", "Calls by endpoint and outcome.", ["endpoint", "outcome"])
_seconds = Histogram("second_read_stage_seconds", "Time by stage of an order-sign call.", ["stage"], buckets=_BUCKETS)
_cards = Counter("second_read_cards", "Cards returned, by leading rule and indicator.", ["rule", "indicator"])
_gaps = Counter("second_read_gaps", "What could not be known, and why.", ["what", "why"])
_irrelevant = Counter("second_read_irrelevant_calls", "Order-sign calls without an order that any rule is about.")
_rule_errors = Counter("second_read_rule_errors", "Rules that failed on a case.", ["rule"])
_losses = Counter("second_read_ledger_losses", "Records that the ledger could not keep.")
_not_offered = Counter(
    "second_read_not_offered", "Second reads that a rule asked for and the site does not offer.", ["subspecialty"]
)
_wrong_patient = Counter("second_read_wrong_patient", "Resources of another patient that were dropped. Alarm on any.")
_circuit = Counter("second_read_fhir_circuit", "Changes of a FHIR server's circuit breaker.", ["server", "state"])
_silent = Counter("second_read_silent", "Verdicts that were met and shown to nobody, by why.", ["rule", "why"])
_over_budget = Counter("second_read_rule_over_budget", "Rules set silent for their budget. Alarm on any.", ["rule"])
_reloads = Counter("second_read_reloads", "Content loaded again while running, by outcome.", ["outcome"])
_feedback = Counter("second_read_feedback", "Feedback received, by outcome.", ["outcome"])

_failing: dict[str, float] = {}
_listening: list[Callable[[Mapping[str, float]], None]] = []
FAILING_SECONDS: Final = 300.0

# A child with labels costs a lookup under a lock each time; the sets are small, so each is looked up once.
_call = cache(_calls.labels)
_stage = cache(_seconds.labels)


def count_call(endpoint: str, outcome: str) -> None:
    """One call was answered; `outcome` is of a closed set (`card`, `silent`, `bad-request`, …)."""
    _call(endpoint, outcome).inc()


def count_order_sign(outcome: str, seconds: float) -> None:
    """One order-sign call was answered."""
    _call("order-sign", outcome).inc()
    _stage("call").observe(seconds)


def with_request_id(id: str) -> None:
    """From here on, log lines of this thread are of the call of that id."""
    structlog.contextvars.bind_contextvars(request_id=id)


def request_id() -> str:
    """The id of the call at hand, or ""."""
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))


def listen_to_stages(listener: Callable[[Mapping[str, float]], None] | None) -> None:
    """Tell one listener of the stages of each call too (traces); None: nobody."""
    _listening[:] = [listener] if listener else []


def observe_stages(millis: Mapping[str, float]) -> None:
    """How long each stage of a call took, in milliseconds."""
    for listener in _listening:
        listener(millis)
    for stage, spent in millis.items():
        _stage(stage).observe(spent / 1000)


def count_irrelevant() -> None:
    """An order-sign call held no order that any rule is about."""
    _irrelevant.inc()


def count_cards(cards: Iterable[Card]) -> None:
    """These cards were returned."""
    for card in cards:
        _cards.labels(card.rules[0] if card.rules else "none", card.indicator).inc()


def count_gaps(gaps: Iterable[Gap]) -> None:
    """These things could not be known. A gap about a reference is counted as `reference`, so that labels stay few."""
    for gap in gaps:
        _gaps.labels(gap.what if gap.what in PREFETCH_KEYS else "reference", gap.why).inc()
        if gap.why == "wrong-patient":
            alarm_wrong_patient()


def count_not_offered(subspecialty: str) -> None:
    """A second read of this subspecialty was indicated, and the site does not offer it: no card."""
    _not_offered.labels(subspecialty).inc()


def count_silent(rule: str, why: str) -> None:
    """A rule was met and is silent here, for this reason (`rule-file`, `switched-off`, `clinician-budget`, …)."""
    _silent.labels(rule, why).inc()


def alarm_over_budget(rule: str) -> None:
    """A rule spoke more often than its budget allows and is silent from now on; its owner must look."""
    _over_budget.labels(rule).inc()


def alarm_wrong_patient() -> None:
    """A resource of another patient arrived and was dropped: the caller mixes patients up, and someone must look."""
    _wrong_patient.inc()
    log.error("resource of another patient dropped")


def count_rule_error(rule: str, error: str) -> None:
    """A rule failed on a case; only the name of the error is told, for its words may quote the case."""
    _rule_errors.labels(rule).inc()
    _failing[rule] = time.monotonic()
    log.error("rule failed", rule=rule, error=error)


def failing_rules() -> tuple[str, ...]:
    """Rules that failed in this process within the last five minutes: health checks fail for as long."""
    since = time.monotonic() - FAILING_SECONDS
    return tuple(sorted(rule for rule, at in _failing.items() if at >= since))


def count_circuit(server: str, state: str) -> None:
    """The circuit breaker of an allow-listed FHIR server changed its state."""
    _circuit.labels(server, state).inc()
    (log.info if state == "closed" else log.warning)("fhir server circuit changed", server=server, outcome=state)


def count_ledger_loss(count: int = 1) -> None:
    """The ledger could not keep so many records."""
    _losses.inc(count)


def count_reload(outcome: str) -> None:
    """Content was loaded again: `taken`, or `refused` because it has an error and the old one keeps serving."""
    _reloads.labels(outcome).inc()


def count_feedback(outcome: str) -> None:
    """One entry of feedback was kept."""
    _feedback.labels(outcome).inc()


def metrics_page() -> bytes:
    """All metrics of all workers in Prometheus text format."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library has no annotation here
    return generate_latest(registry)


def keep_known_fields(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop every field outside `FIELDS` and every value that is not a short scalar or a list of such."""
    return {key: kept for key, value in event.items() if key in FIELDS and (kept := _short(value)) is not None}


def configure_logs(level: str = "info") -> None:
    """JSON lines on standard error from `level` upwards."""
    threshold = getattr(logging, level.upper())
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(MaskedLine())
    # Libraries speak up from warnings on, and lower only where somebody asked for everything.
    logging.basicConfig(level=threshold if level == "debug" else max(threshold, logging.WARNING), handlers=[handler])
    logging.getLogger("cds_service").setLevel(threshold)
    for name, found in logging.root.manager.loggerDict.items():
        if isinstance(found, logging.Logger) and not name.startswith(("cds_service", "gunicorn")):
            found.setLevel(logging.NOTSET)
    logging.captureWarnings(True)
    threading.excepthook = _thread_failed
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            keep_known_fields,
            structlog.processors.JSONRenderer(serializer=lambda event, **_: orjson.dumps(event).decode()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )


class MaskedLine(logging.Formatter):
    """A line of a library's logger, in the form of ours, without what it says about a call.

    A library does not know what is patient data: at DEBUG, an HTTP client writes every URL it asks for. So of its
    words only the unfilled template is told, numbers filled in, and of an exception the type alone.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The record as one JSON line."""
        event = {
            "event": _template(record),
            "level": record.levelname.lower(),
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "where": f"{record.name}:{record.lineno}",
        }
        if record.exc_info and record.exc_info[0]:
            event["error"] = record.exc_info[0].__name__
        return orjson.dumps(event).decode()


_is_plain = re.compile(r"[A-Za-z][A-Za-z ,.:;'()%-]{0,120}").fullmatch
_is_name = re.compile(r"[A-Z][A-Za-z]*(?:Error|Exception|Warning)|SIG[A-Z0-9]+").fullmatch


def _template(record: logging.LogRecord) -> str:
    words = str(record.msg)
    if not record.args:  # perhaps filled already; told only where it is words alone, of ours or the application server
        told = record.name.startswith(("cds_service", "gunicorn")) and _is_plain(words)
        return words if told else f"message of {record.name}"
    args = record.args if isinstance(record.args, tuple) else ()
    safe = tuple(each if isinstance(each, int | float) or _is_name(str(each)) else "…" for each in args)
    try:
        return words % safe
    except (TypeError, ValueError, KeyError):
        return f"message of {record.name}"


def _thread_failed(failed: threading.ExceptHookArgs) -> None:
    log.error("thread failed", error=failed.exc_type.__name__)


log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


def _short(value: Any) -> Any:
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return value[:LONGEST_VALUE]
    if isinstance(value, list | tuple) and all(isinstance(each, str | int | float) for each in value):
        return [_short(each) for each in value[:20]]
    return None

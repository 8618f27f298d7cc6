"""The Flask application: settings, content, ledger and FHIR reader put together, nothing decided.

With `content`, `ledger`, `fhir`, `clock` or `new_uuid` passed in, those are used; otherwise they are made from the
settings. One application is made per worker process, after the fork, because a ledger and connections cannot be shared.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random, SystemRandom
from typing import Any
from uuid import UUID

import orjson
from flask import Flask, Response

from cds_service.auth import (
    ANONYMOUS,
    SeenTokens,
    Trust,
    authenticate,
    load_trust,
    operator_token,
    proves_operator,
    refuse_forwarded,
)
from cds_service.capturing import Captures
from cds_service.cards import with_effect
from cds_service.config import Settings, check_settings
from cds_service.content import Content
from cds_service.content.of_settings import load_settings_content
from cds_service.errors import SettingsError
from cds_service.gather import Deadline, FhirReader, Missed, Pacs
from cds_service.ledger import Ledger, RuleBudget, ledger_keys, open_ledger
from cds_service.model import AuthenticatedClient, Card, Feedback, HookRequest
from cds_service.outbound import Allowlist
from cds_service.outbound.connections import guarded_session
from cds_service.quiet import Limits
from cds_service.reloads import read_state, state_path
from cds_service.service import answer
from cds_service.telemetry import alarm_over_budget, count_circuit, count_ledger_loss, failing_rules, metrics_page
from cds_service.unmatched import UnmatchedOrders
from cds_service.web import (
    Buckets,
    allow_origins,
    answer_errors,
    cds_hooks_blueprint,
    close_by_default,
    directly,
    identified,
    openapi,
    order_signer,
    paths_of,
    public,
    published_blueprint,
)

_OPEN_WITH_DISCOVERY = ("/cds-services", "/openapi.json")


def _now() -> datetime:
    return datetime.now(UTC)


def _new_uuids() -> Callable[[], str]:
    """Random uuids (RFC 4122, version 4), seeded once by the system: they need be unique, not secret."""
    bits = Random(SystemRandom().getrandbits(256)).getrandbits  # noqa: S311  nothing is protected by a card's uuid
    return lambda: str(UUID(int=bits(128), version=4))


def open_settings_ledger(settings: Settings, clock: Callable[[], datetime] = _now) -> Ledger:
    """The ledger that the settings name; raises `SettingsError` or `LedgerUnavailable`."""
    keys = ledger_keys(settings.ledger_key, settings.ledger_key_file)
    budget = RuleBudget(settings.rule_budget_percent, settings.rule_budget_orders, settings.rule_budget_days)
    return open_ledger(
        settings.database_url,
        keys,
        clock=clock,
        on_loss=count_ledger_loss,
        budget=budget,
        on_over_budget=alarm_over_budget,
    )


def create_app(
    settings: Settings,
    *,
    content: Content | None = None,
    ledger: Ledger | None = None,
    fhir: FhirReader | None = None,
    clock: Callable[[], datetime] = _now,
    new_uuid: Callable[[], str] | None = None,
) -> Flask:
    """The service as a WSGI application; raises `SettingsError` or `ContentError` when it must not start."""
    check_settings(settings)
    trust = load_trust(settings)
    operator = operator_token(settings)
    content = content or load_settings_content(settings)
    ledger = ledger or open_settings_ledger(settings, clock)
    fhir = fhir or _reader(settings, trust)
    pacs = _archive(settings)
    new_uuid = new_uuid or _new_uuids()
    seconds = settings.deadline_ms / 1000
    limits = Limits(settings.cards_per_response, settings.cards_per_clinician, settings.cards_per_encounter)
    captures = Captures(settings.capture_dir, clock)
    unmatched = UnmatchedOrders(settings.database_url, clock)
    unclassified = UnmatchedOrders(settings.database_url, clock, "unclassified")

    seen = SeenTokens(settings.database_url) if trust.mode == "jwt" else None
    buckets = Buckets(settings.calls_per_second)

    def remember(iss: str, jti: str, until: float) -> bool:
        return seen is None or seen.remember(iss, jti, until)

    def admit(environ: Mapping[str, Any], path: str) -> AuthenticatedClient:
        if settings.open_discovery and trust.mode != "off" and path in _OPEN_WITH_DISCOVERY:
            return ANONYMOUS
        client = authenticate(environ, path, trust, clock(), remember)
        if not path.endswith("/feedback"):  # which a client may not repeat: it is never turned away for its rate
            buckets.take(client.id)
        return client

    def is_operator(environ: Mapping[str, Any]) -> bool:
        if trust.mode == "off":
            refuse_forwarded(environ)
            return True
        return proves_operator(environ, operator)

    if settings.client_profile and settings.client_profile not in content.words.clients:
        known = ", ".join(sorted(content.words.clients))
        raise SettingsError(f"SECOND_READ_CLIENT_PROFILE: one of {known} is expected")

    def count_missed(missed: Missed) -> None:
        for counts, keys in ((unmatched, missed.surgery), (unclassified, missed.unclassified)):
            if keys:
                counts.count(keys)

    def decide(call: HookRequest, client: AuthenticatedClient) -> tuple[Card, ...]:
        if settings.client_profile and not client.profile:
            client = replace(client, profile=settings.client_profile)
        cards = answer(
            call,
            client,
            content=content,
            fhir=fhir,
            ledger=ledger,
            deadline=Deadline(seconds),
            now=clock(),
            new_uuid=new_uuid,
            count_missed=count_missed,
            pacs=pacs,
            limits=limits,
        )
        captures.keep(call, client, len(cards))
        return cards

    def keep_feedback(client: AuthenticatedClient, items: Sequence[Feedback]) -> None:
        ledger.record_feedback(client, [with_effect(item, content.words.override_reasons) for item in items])

    app = Flask("second-read", static_folder=None, template_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes  # of the other paths
    app.extensions["second-read"] = {"settings": settings, "content": content, "ledger": ledger, "fhir": fhir}
    app.extensions["second-read"] |= {"seen": seen, "unmatched": unmatched, "unclassified": unclassified}
    app.extensions["second-read"]["pacs"] = pacs
    answer_errors(app)
    close_by_default(app, is_operator)
    services = [each for each in content.services if each["hook"] != "order-select" or settings.order_select]
    sign = order_signer(admit, decide, settings.max_body_bytes, services)
    app.register_blueprint(
        cds_hooks_blueprint(
            services,
            authenticate=admit,
            sign=sign,
            keep_feedback=keep_feedback,
            max_body_bytes=settings.max_body_bytes,
            description=openapi(services, settings.public_urls, settings.auth, settings.publish),
        )
    )
    if settings.publish:
        public_url = settings.public_urls[0] if settings.public_urls else None
        app.register_blueprint(published_blueprint(lambda: content, public_url))
    _add_operations(app, content, ledger, state_path(settings.pid_file), clock)
    if settings.cors_origins:
        allow_origins(app, settings.cors_origins)  # whose headers the framework adds
    else:
        app.wsgi_app = directly(app.wsgi_app, paths_of(services), sign)  # type: ignore[method-assign, assignment]  # Flask asks for it so
    if settings.otel_endpoint:
        from cds_service.tracing import Tracing

        tracing = Tracing(settings.otel_endpoint)
        app.extensions["second-read"]["tracing"] = tracing
        routes = paths_of(services) | set(_OPEN_WITH_DISCOVERY)
        app.wsgi_app = tracing.around(app.wsgi_app, routes)  # type: ignore[method-assign, assignment]
    app.wsgi_app = identified(app.wsgi_app)  # type: ignore[method-assign, assignment]
    if settings.demo:
        from cds_service.demo import demo_blueprint

        app.register_blueprint(demo_blueprint(content=content, ledger=ledger, clock=clock))
    return app


def _reader(settings: Settings, trust: Trust) -> FhirReader:
    """Reads the servers of the settings, or of each issuer's own entry in the clients file."""
    servers = {iss: issuer.servers for iss, issuer in trust.issuers.items() if issuer.servers}
    return FhirReader(
        Allowlist(settings.fhir_servers, servers),
        session=lambda: guarded_session(settings.private_networks, ca_file=settings.ca_file, parallel=24),
        on_circuit=count_circuit,
    )


def _archive(settings: Settings) -> Pacs | None:
    """The image archive whose headers may be looked at, where one is named; raises `SettingsError`."""
    if not settings.dicomweb_url:
        return None
    authorization = None
    if settings.dicomweb_authorization_file:
        try:
            authorization = settings.dicomweb_authorization_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsError(f"{settings.dicomweb_authorization_file}: cannot be read: {error.strerror}") from None
    return Pacs(
        settings.dicomweb_url,
        authorization,
        lambda: guarded_session(settings.private_networks, ca_file=settings.ca_file, parallel=8),
        on_circuit=count_circuit,
    )


def close_app(app: Flask) -> None:
    """Write what the ledger still holds, and let go of connections."""
    parts = app.extensions["second-read"]
    parts["ledger"].close()
    parts["fhir"].close()
    parts["unmatched"].close()
    parts["unclassified"].close()
    if parts["seen"] is not None:
        parts["seen"].close()
    if parts["pacs"]:
        parts["pacs"].close()
    if "tracing" in parts:
        parts["tracing"].close()


def _add_operations(
    app: Flask, content: Content, ledger: Ledger, state: Path | None, clock: Callable[[], datetime]
) -> None:
    """What a load balancer and, as operator, a monitoring system ask for; none of it holds patient data."""

    @app.get("/healthz")
    @public
    def healthz() -> Response:
        # For whoever is woken up, not for whoever restarts: a rule that failed is the content's fault.
        failing = failing_rules()
        return _json({"status": "failing", "rules": failing}, 503) if failing else _json({"status": "ok"})

    @app.get("/readyz")
    @public
    def readyz() -> Response:
        ready = ledger.ready()
        told: dict[str, object] = {
            "ready": ready,
            "ledger": ready,
            "ruleset": content.digest,
            "rules": content.rules.digest,
        }
        if (known := read_state(state)) is not None and known.refused:
            told["refused"] = {"problems": known.refused, "first": known.first}  # a newer set; this one keeps serving
        if switched := ledger.state.switched(clock()):
            told["silent"] = {each.rule or "all": each.because for each in switched}
        return _json(told, 200 if ready else 503)

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(metrics_page(), content_type="text/plain; version=0.0.4; charset=utf-8")


def _json(body: object, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, mimetype="application/json")

"""The Flask application: settings, content, ledger and FHIR reader put together, nothing decided.

With `content`, `ledger`, `fhir`, `clock` or `new_uuid` passed in, those are used; otherwise they are made from the
settings. One application is made per worker process, after the fork, because a ledger and connections cannot be shared.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random, SystemRandom
from typing import Any
from uuid import UUID

import orjson
from flask import Flask, Response, request

from cds_service.auth import Keys, authenticate, load_keys
from cds_service.config import Settings, check_settings
from cds_service.content import Content, content_folder, load_content
from cds_service.gather import Deadline, FhirReader
from cds_service.ledger import Ledger, ledger_keys, open_ledger
from cds_service.model import AuthenticatedClient, Card, HookRequest
from cds_service.outbound import Allowlist
from cds_service.outbound.connections import guarded_session
from cds_service.service import answer
from cds_service.telemetry import count_circuit, count_ledger_loss, failing_rules, metrics_page
from cds_service.web import answer_errors, cds_hooks_blueprint, directly, order_signer, paths_of, published_blueprint

SHIPPED = Path("shipped")  # in SECOND_READ_CONTENT_DIR: the content of the package


def _now() -> datetime:
    return datetime.now(UTC)


def _new_uuids() -> Callable[[], str]:
    """Random uuids (RFC 4122, version 4), seeded once by the system: they need be unique, not secret."""
    bits = Random(SystemRandom().getrandbits(256)).getrandbits  # noqa: S311  nothing is protected by a card's uuid
    return lambda: str(UUID(int=bits(128), version=4))


def load_settings_content(settings: Settings) -> Content:
    """The content that the settings name; raises `ContentError` with every problem in it."""
    layers = [content_folder() if layer == SHIPPED else layer for layer in settings.content_dir]
    pages = f"{settings.public_urls[0]}/rules/{{rule}}" if settings.public_urls and settings.publish else None
    return load_content(
        layers or None,
        settings.rules_mode,
        site_file=settings.site_file,
        local_codes=settings.local_codes_dir,
        snomed=settings.snomed,
        rule_pages=pages,
    )


def open_settings_ledger(settings: Settings, clock: Callable[[], datetime] = _now) -> Ledger:
    """The ledger that the settings name; raises `SettingsError` or `LedgerUnavailable`."""
    keys = ledger_keys(settings.ledger_key, settings.ledger_key_file)
    return open_ledger(settings.database_url, keys, clock=clock, on_loss=count_ledger_loss)


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
    keys = load_keys(settings)
    content = content or load_settings_content(settings)
    ledger = ledger or open_settings_ledger(settings, clock)
    fhir = fhir or _reader(settings, keys)
    new_uuid = new_uuid or _new_uuids()
    seconds = settings.deadline_ms / 1000

    def admit(environ: Mapping[str, Any], path: str) -> AuthenticatedClient:
        return authenticate(environ, path, keys, clock())

    def decide(call: HookRequest, client: AuthenticatedClient) -> tuple[Card, ...]:
        return answer(
            call,
            client,
            content=content,
            fhir=fhir,
            ledger=ledger,
            deadline=Deadline(seconds),
            now=clock(),
            new_uuid=new_uuid,
        )

    app = Flask("second-read", static_folder=None, template_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes  # of the other paths
    app.extensions["second-read"] = {"settings": settings, "content": content, "ledger": ledger, "fhir": fhir}
    answer_errors(app)
    sign = order_signer(admit, decide, settings.max_body_bytes)
    app.register_blueprint(
        cds_hooks_blueprint(
            content.services,
            authenticate=admit,
            sign=sign,
            keep_feedback=ledger.record_feedback,
            max_body_bytes=settings.max_body_bytes,
        )
    )
    if settings.publish:
        public = settings.public_urls[0] if settings.public_urls else None
        app.register_blueprint(published_blueprint(lambda: content, public))
    _add_operations(app, content, ledger)
    if settings.cors_origins:
        _allow_origins(app, settings.cors_origins)  # whose headers the framework adds
    else:
        app.wsgi_app = directly(app.wsgi_app, paths_of(content.services), sign)  # type: ignore[method-assign, assignment]  # Flask asks for it so
    if settings.demo:
        from cds_service.demo import demo_blueprint

        app.register_blueprint(demo_blueprint(content=content, ledger=ledger, clock=clock))
    return app


def _reader(settings: Settings, keys: Keys | None) -> FhirReader:
    """Reads the servers of the settings, or of each issuer's own entry in the clients file."""
    servers = {iss: issuer.servers for iss, issuer in keys.issuers.items() if issuer.servers} if keys else {}
    return FhirReader(
        Allowlist(settings.fhir_servers, servers),
        session=lambda: guarded_session(settings.private_networks, ca_file=settings.ca_file, parallel=24),
        on_circuit=count_circuit,
    )


def close_app(app: Flask) -> None:
    """Write what the ledger still holds, and let go of connections."""
    parts = app.extensions["second-read"]
    parts["ledger"].close()
    parts["fhir"].close()


def _add_operations(app: Flask, content: Content, ledger: Ledger) -> None:
    """What a load balancer and a monitoring system ask for; none of it holds patient data."""

    @app.get("/healthz")
    def healthz() -> Response:
        # For whoever is woken up, not for whoever restarts: a rule that failed is the content's fault.
        failing = failing_rules()
        return _json({"status": "failing", "rules": failing}, 503) if failing else _json({"status": "ok"})

    @app.get("/readyz")
    def readyz() -> Response:
        ready = ledger.ready()
        return _json({"ready": ready, "ledger": ready, "ruleset": content.digest}, 200 if ready else 503)

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(metrics_page(), content_type="text/plain; version=0.0.4; charset=utf-8")


def _allow_origins(app: Flask, origins: Sequence[str]) -> None:
    """CORS for browser-based EHRs (CDS Hooks, Cross-Origin Resource Sharing); without origins nothing is added."""

    @app.after_request
    def allow(response: Response) -> Response:
        if request.path.startswith("/cds-services"):
            response.vary.add("Origin")
            origin = request.headers.get("Origin")
            if origin in origins:
                response.headers["Access-Control-Allow-Origin"] = origin
                response.headers["Access-Control-Allow-Methods"] = "GET, POST, OPTIONS"
                response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
                response.headers["Access-Control-Max-Age"] = "600"
        return response


def _json(body: object, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, mimetype="application/json")

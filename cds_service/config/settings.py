"""The settings: name, type, default and documentation of each, and how it is read."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from cds_service.config.readers import (
    algorithms,
    database,
    folders,
    networks,
    one_of,
    one_url,
    origins,
    path,
    text,
    urls,
    urls_as_typed,
    whole,
    yes_or_no,
)


def _about(read: Callable[[Any], Any], doc: str, example: str) -> dict[str, Any]:
    return {"read": read, "doc": doc, "example": example}


@dataclass(frozen=True, slots=True)
class Settings:
    """What an installation decides. The documentation of each field stands beside it and becomes docs/settings.md."""

    auth: Literal["jwt", "mtls", "off"] = field(
        default="jwt",
        metadata=_about(
            one_of("jwt", "mtls", "off"),
            "How callers prove who they are. `jwt`: every CDS Hooks call carries a signed JWT (CDS Hooks, Trusting CDS"
            " Clients); the service does not start without `clients_file` and `public_urls`. `mtls`: the proxy before"
            " the service verifies a client certificate and hands it on; needs `clients_file` and `proxy_secret_file`."
            " `off`: nobody is asked; the service then listens on loopback only and refuses forwarded headers, so that"
            " it cannot stand behind a proxy by mistake.",
            "jwt",
        ),
    )
    clients_file: Path | None = field(
        default=None,
        metadata=_about(
            path,
            "TOML or JSON file of the callers that are let in. One entry per issuer: `iss`, and `jwks` (a JWK Set),"
            " `jwks_file` (its path, relative to this file) or `jku` alone (where its keys are published; fetched, and"
            " fetched anew when an unknown key turns up); with `auth = mtls` instead `certificates`, each `sha256:` and"
            " a fingerprint or `dns:` and a name in the certificate. Optional: `jku`, `tenant`, `profile` (a file name"
            " of cards/clients), `fhir_servers` (base URLs that this caller alone may name). Public keys only. Read"
            " once, at start.",
            "/etc/second-read/clients.toml",
        ),
    )
    public_urls: tuple[str, ...] = field(
        default=(),
        metadata=_about(
            urls_as_typed,
            "Base URLs under which callers reach the service, as they type them, separated by commas. The `aud` of a"
            " JWT must be one of these followed by the path of the endpoint, exactly.",
            "https://cds.hospital.example/second-read",
        ),
    )
    jwt_algorithms: tuple[str, ...] = field(
        default=("ES384", "RS384"),
        metadata=_about(
            algorithms,
            "Signature algorithms accepted in a JWT. ES384 and RS384 are what CDS Hooks recommends; add RS256 or"
            " ES256 only for a client that can do no better. `none` and symmetric algorithms cannot be allowed.",
            "ES384,RS384",
        ),
    )
    jwt_leeway_seconds: int = field(
        default=60,
        metadata=_about(
            whole(0, 300),
            "How far the clocks of a caller and of the service may differ when `exp`, `iat` and `nbf` are compared.",
            "60",
        ),
    )
    proxy_secret_file: Path | None = field(
        default=None,
        metadata=_about(
            path,
            "File with the secret (one line, at least 32 characters) that the proxy sends in `X-Second-Read-Proxy` with"
            " `auth = mtls`. A call without it is refused, whatever certificate it claims.",
            "/etc/second-read/proxy.secret",
        ),
    )
    open_discovery: bool = field(
        default=False,
        metadata=_about(
            yes_or_no,
            "Let everybody read `/cds-services` and `/openapi.json`, which hold no patient data. Some clients list"
            " services without signing in.",
            "false",
        ),
    )
    operator_token_file: Path | None = field(
        default=None,
        metadata=_about(
            path,
            "File with the bearer token (one line, at least 32 characters) that opens `/metrics` and every other page"
            " that is neither public nor a CDS Hooks endpoint. Without it those pages are closed, except with"
            " `auth = off`.",
            "/etc/second-read/operator.token",
        ),
    )
    calls_per_second: int = field(
        default=200,
        metadata=_about(
            whole(0, 100_000),
            "Calls that one worker process takes from one caller in a second; twice as many at once after a pause. More"
            " are answered with 429 and `Retry-After`. Feedback is never turned away. 0: no limit.",
            "200",
        ),
    )
    fhir_servers: tuple[str, ...] = field(
        default=(),
        metadata=_about(
            urls,
            "FHIR base URLs that may be read, separated by commas. A `fhirServer` that is not listed is never"
            " contacted, and a bearer token is sent to no other origin. Empty: the service lives on prefetch alone."
            " With several callers, list the servers of each under `fhir_servers` in its entry of the clients file:"
            " a caller that has such a list may name no other.",
            "https://fhir.hospital.example/R4",
        ),
    )
    private_networks: tuple[str, ...] = field(
        default=(),
        metadata=_about(
            networks,
            "Networks, in CIDR notation, in which the name of a listed FHIR or key server may resolve besides public"
            " addresses. A FHIR server inside the hospital mostly has such an address. A name that resolves elsewhere,"
            " to loopback for example, is not contacted. An address written into the URL needs no entry.",
            "10.20.0.0/16",
        ),
    )
    ca_file: Path | None = field(
        default=None,
        metadata=_about(
            path,
            "PEM file of the certificate authorities by which FHIR and key servers are verified, where they are not"
            " those of the public web.",
            "/etc/second-read/hospital-ca.pem",
        ),
    )
    dicomweb_url: str | None = field(
        default=None,
        metadata=_about(
            one_url,
            "Root of the image archive's DICOMweb service. Where it is set, the headers of a study that is about to be"
            " decided on are looked at (field strength, slice thickness, sequences); images are never asked for. No"
            " other archive is contacted, whatever a request says, and the EHR's token is never sent there.",
            "https://pacs.hospital.example/dicom-web",
        ),
    )
    dicomweb_authorization_file: Path | None = field(
        default=None,
        metadata=_about(
            path,
            "File that holds the value of the Authorization header for that archive, such as `Basic …`.",
            "/etc/second-read/dicomweb-authorization",
        ),
    )
    client_profile: str | None = field(
        default=None,
        metadata=_about(
            text,
            "How cards are rendered for callers without a `profile` in the clients file: a file name of cards/clients,"
            " such as `epic` or `unknown`. Not set: told by the issuer or by marks of the request, else as CDS Hooks"
            " says.",
            "epic",
        ),
    )
    order_select: bool = field(
        default=False,
        metadata=_about(
            yes_or_no,
            "Offer the twin service for the hook `order-select`, under its own id: the same decision about the orders"
            " just selected, for EHRs that show it passively. A card it returns never starts a cool-down.",
            "false",
        ),
    )
    deadline_ms: int = field(
        default=800,
        metadata=_about(
            whole(50, 30_000),
            "Milliseconds one order-sign call may take. Reads that would pass it are given up and named as gaps.",
            "800",
        ),
    )
    rules_mode: Literal["silent", "as-files"] = field(
        default="silent",
        metadata=_about(
            one_of("silent", "as-files"),
            "`silent`: every rule is evaluated and recorded, and no card is returned; a new installation starts like"
            " this. `as-files`: each rule is active or silent as its file says.",
            "as-files",
        ),
    )
    content_dir: tuple[Path, ...] = field(
        default=(),
        metadata=_about(
            folders,
            "Directory of the site's own `cards/` and `fhir_profiles/`, used instead of those in the package; or"
            " several, separated by commas, the base first, laid over each other: a file of a later one takes the place"
            " of the same file before it. `shipped` stands for the package's own. What a layer may change in a rule"
            " without copying it says docs/layers.md.",
            "shipped,/etc/second-read/site,/etc/second-read/spine",
        ),
    )
    snomed: bool = field(
        default=True,
        metadata=_about(
            yes_or_no,
            "`off` leaves out every code list of SNOMED CT, for who holds no licence. Orders, conditions and sites that"
            " come in SNOMED CT alone are then recognised by their words or the site's own codes only;"
            " `second-read codes lost` counts what that is.",
            "off",
        ),
    )
    publish: bool = field(
        default=True,
        metadata=_about(
            yes_or_no,
            "Serve the rules to be read, without patient data: one page each below `/rules`, open to everybody, and as"
            " FHIR below `/fhir`, with the operator's token. Cards link to those pages where `public_urls` is set.",
            "true",
        ),
    )
    pid_file: Path | None = field(
        default=None,
        metadata=_about(
            path,
            "Where the running service writes its process id. `second-read rules reload` finds the service by it; what"
            " became of the last reload stands beside it, in a file of the same name with `.rules` behind.",
            "/run/second-read.pid",
        ),
    )
    site_file: Path | None = field(
        default=None,
        metadata=_about(
            path,
            "YAML file of site facts: who reads, which second reads are offered and on what terms. It takes the place"
            " of `cards/site.yaml`.",
            "/etc/second-read/site.yaml",
        ),
    )
    local_codes_dir: tuple[Path, ...] = field(
        default=(),
        metadata=_about(
            folders,
            "Directory of CSV files or FHIR ValueSets that add the site's own order codes to those of the package; or"
            " several, separated by commas, such as site and department: a code of a later one goes before the same"
            " code of an earlier one. `second-read codes validate` checks them.",
            "/etc/second-read/local-codes",
        ),
    )
    terminology_server: str | None = field(
        default=None,
        metadata=_about(
            one_url,
            "Base URL of a FHIR R4 terminology server. Where it is set, the service asks it at its start"
            " (`ValueSet/$expand`) what stands below the codes that a value set marks `subsumes`, waits at most 10"
            " seconds for it, and keeps the answers for 30 days. It is never asked during a call, and a server that is"
            " down costs a warning. docs/terminology-server.md says more.",
            "https://terminology.hospital.example/fhir",
        ),
    )
    terminology_authorization_file: Path | None = field(
        default=None,
        metadata=_about(
            path,
            "File that holds the value of the Authorization header for that server, such as `Basic …`. It is sent to no"
            " other.",
            "/etc/second-read/terminology-authorization",
        ),
    )
    terminology_cache: Path = field(
        default=Path("second-read-descendants.json"),
        metadata=_about(
            path,
            "File in which the answers of the terminology server are kept, with the day they were asked. The service"
            " and `second-read codes expand` write it.",
            "/var/lib/second-read/descendants.json",
        ),
    )
    database_url: str = field(
        default="sqlite:///second-read.db",
        metadata=_about(
            database,
            "Where decisions, cards and feedback are recorded, as an SQLAlchemy URL. SQLite suits one machine;"
            " PostgreSQL, when several serve, needs the extra `postgresql` installed.",
            "postgresql://second_read@db.hospital.example/second_read",
        ),
    )
    retention_days: int = field(
        default=2192,
        metadata=_about(
            whole(100, 36_525),
            "How long the ledger keeps what was recorded. `second-read ledger prune`, run by the system's scheduler,"
            " removes what is older, whole sealed segments at a time. The default is six years; cool-downs need 90"
            " days.",
            "2192",
        ),
    )
    ledger_key: str | None = field(
        default=None,
        repr=False,
        metadata=_about(
            text,
            "Secret with which patient identifiers are masked, columns encrypted and checkpoints signed in the"
            " ledger; at least 32 characters. Several, separated by blanks, are the current one and those it replaced."
            " Prefer `ledger_key_file`: the environment of a process is easier to read than a file.",
            "(64 hexadecimal digits)",
        ),
    )
    ledger_key_file: Path = field(
        default=Path("second-read.key"),
        metadata=_about(
            path,
            "File that holds that secret. Where it does not exist it is created, readable by its owner alone. Keep"
            " it: with another key, earlier cards of a patient are no longer recognised. Machines that share a"
            " database share it.",
            "/var/lib/second-read/ledger.key",
        ),
    )
    capture_dir: Path | None = field(
        default=None,
        metadata=_about(
            path,
            "Folder for calls that are captured for debugging, while somebody has opened a window with `second-read"
            " capture open`. They are masked, and removed after a week. Unset: nothing can be captured.",
            "/var/lib/second-read/captures",
        ),
    )
    cards_per_response: int = field(
        default=1,
        metadata=_about(
            whole(1, 2),
            "Cards in one response at most: 1, or 2 where orders of one basket rest on different studies.",
            "1",
        ),
    )
    cards_per_clinician: int = field(
        default=1,
        metadata=_about(
            whole(0, 1000),
            "Cards that one user is shown in 24 hours at most; what is beyond is decided and recorded as silent."
            " Signing the same order again within twelve hours shows the same card and is not counted. 0: no limit.",
            "1",
        ),
    )
    cards_per_encounter: int = field(
        default=1,
        metadata=_about(
            whole(0, 1000),
            "Cards that one encounter sees at most, whoever signs. 0: no limit.",
            "1",
        ),
    )
    rule_budget_percent: int = field(
        default=5,
        metadata=_about(
            whole(0, 100),
            "A rule that leads more cards than so many in 100 orders for surgery or cancer treatment is set silent, and"
            " its owner is told: log, metric, `/readyz`, `second-read rules status`. It speaks again after"
            " `second-read rules on`. 0: no budget.",
            "5",
        ),
    )
    rule_budget_days: int = field(
        default=28,
        metadata=_about(whole(1, 366), "The days over which a rule's budget is judged.", "28"),
    )
    rule_budget_orders: int = field(
        default=200,
        metadata=_about(
            whole(1, 1_000_000),
            "From how many orders within those days a rule's budget is judged: a share of few orders says little.",
            "200",
        ),
    )
    max_body_bytes: int = field(
        default=8 * 1024 * 1024,
        metadata=_about(
            whole(1024, 256 * 1024 * 1024),
            "Largest request body accepted; a larger one is answered with 413.",
            "8388608",
        ),
    )
    cors_origins: tuple[str, ...] = field(
        default=(),
        metadata=_about(
            origins,
            "Origins of browser-based EHRs that may call the CDS Hooks endpoints (CORS), separated by commas. Empty:"
            " none.",
            "https://ehr.hospital.example",
        ),
    )
    workers: int = field(
        default=2,
        metadata=_about(
            whole(1, 64),
            "Worker processes. One per processor core is enough; each holds at most about 150 MiB.",
            "2",
        ),
    )
    threads: int = field(
        default=8,
        metadata=_about(
            whole(1, 128),
            "Threads per worker: calls that wait for a FHIR server at the same time.",
            "8",
        ),
    )
    otel_endpoint: str | None = field(
        default=None,
        metadata=_about(
            one_url,
            "Address of an OpenTelemetry collector (OTLP over HTTP) that traces are sent to, without `/v1/traces`."
            " Needs the extra `otel`. Spans hold method, route, status, request id, stages. Unset: nothing is loaded.",
            "http://127.0.0.1:4318",
        ),
    )
    log_level: Literal["debug", "info", "warning", "error"] = field(
        default="info",
        metadata=_about(
            one_of("debug", "info", "warning", "error"),
            "Least severe log line written. Logs are JSON lines on standard error and never hold patient data.",
            "info",
        ),
    )
    demo: bool = field(
        default=False,
        metadata=_about(
            yes_or_no,
            "Serve the demo EHR at `/demo`, with synthetic patients. Never together with `auth = jwt`.",
            "false",
        ),
    )

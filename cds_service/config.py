"""Every setting of the service, in one typed place: environment over a TOML file over the defaults.

A setting `database_url` is `SECOND_READ_DATABASE_URL` in the environment and `database_url` in the TOML file. A name
that is not a setting is refused with the nearest one that is: a misspelt security setting must not be silently absent.
docs/settings.md is generated from here (`settings_page`).
"""

import difflib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from cds_service.errors import SettingsError

PREFIX = "SECOND_READ_"
CONFIG_VARIABLE = "SECOND_READ_CONFIG"  # names the TOML file itself, so it cannot stand in it
ASYMMETRIC_ALGORITHMS = ("ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("a text")
    return value.strip()


def _whole(low: int, high: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        expected = f"a whole number from {low} to {high}"
        if isinstance(value, str) and value.strip().isdecimal():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError(expected)
        return value

    return read


def _yes_or_no(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    words = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    if isinstance(value, str) and value.strip().lower() in words:
        return words[value.strip().lower()]
    raise ValueError("true or false")


def _one_of(*choices: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value is False and "off" in choices:  # TOML has no `off`, and people write `auth = false`
            return "off"
        if not isinstance(value, str) or value.strip().lower() not in choices:
            raise ValueError("one of " + ", ".join(choices))
        return value.strip().lower()

    return read


def _path(value: Any) -> Path:
    return Path(_text(value)).expanduser()


def _listed(value: Any) -> tuple[str, ...]:
    words = value.split(",") if isinstance(value, str) else value
    if not isinstance(words, list | tuple) or not all(isinstance(word, str) for word in words):
        raise ValueError("a list, separated by commas")
    return tuple(dict.fromkeys(word.strip() for word in words if word.strip()))


def _urls(value: Any) -> tuple[str, ...]:
    urls = tuple(url.rstrip("/") for url in _listed(value))
    for url in urls:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("absolute http(s) URLs without query, separated by commas")
        if parts.username or parts.password:
            raise ValueError("URLs without a user name or password in them")
    return urls


def _origins(value: Any) -> tuple[str, ...]:
    origins = _urls(value)
    if any(urlsplit(origin).path for origin in origins):
        raise ValueError("origins such as https://ehr.example.org, without a path; `*` is refused")
    return origins


def _algorithms(value: Any) -> tuple[str, ...]:
    names = _listed(value)
    if not names or not set(names) <= set(ASYMMETRIC_ALGORITHMS):
        raise ValueError(
            "some of " + ", ".join(ASYMMETRIC_ALGORITHMS) + "; `none` and symmetric ones are never accepted"
        )
    return names


def _about(read: Callable[[Any], Any], doc: str, example: str) -> dict[str, Any]:
    return {"read": read, "doc": doc, "example": example}


@dataclass(frozen=True, slots=True)
class Settings:
    """What an installation decides. The documentation of each field stands beside it and becomes docs/settings.md."""

    auth: Literal["jwt", "off"] = field(
        default="jwt",
        metadata=_about(
            _one_of("jwt", "off"),
            "How callers prove who they are. `jwt`: every CDS Hooks call carries a signed JWT (CDS Hooks, Trusting"
            " CDS Clients); the service does not start without `clients_file` and `public_urls`. `off`: nobody is"
            " asked; the service then listens on loopback only and refuses forwarded headers, so that it cannot stand"
            " behind a proxy by mistake.",
            "jwt",
        ),
    )
    clients_file: Path | None = field(
        default=None,
        metadata=_about(
            _path,
            "TOML or JSON file of the callers that are let in. One entry per issuer: `iss`, and `jwks` (a JWK Set) or"
            " `jwks_file` (its path, relative to this file); optional `jku`, `tenant`, `profile` (a file name of"
            " cards/clients). Public keys only. Read once, at start.",
            "/etc/second-read/clients.toml",
        ),
    )
    public_urls: tuple[str, ...] = field(
        default=(),
        metadata=_about(
            _urls,
            "Base URLs under which callers reach the service, as they type them, separated by commas. The `aud` of a"
            " JWT must be one of these followed by the path of the endpoint, exactly.",
            "https://cds.hospital.example/second-read",
        ),
    )
    jwt_algorithms: tuple[str, ...] = field(
        default=("ES384", "RS384"),
        metadata=_about(
            _algorithms,
            "Signature algorithms accepted in a JWT. ES384 and RS384 are what CDS Hooks recommends; add RS256 or"
            " ES256 only for a client that can do no better. `none` and symmetric algorithms cannot be allowed.",
            "ES384,RS384",
        ),
    )
    jwt_leeway_seconds: int = field(
        default=60,
        metadata=_about(
            _whole(0, 300),
            "How far the clocks of a caller and of the service may differ when `exp`, `iat` and `nbf` are compared.",
            "60",
        ),
    )
    fhir_servers: tuple[str, ...] = field(
        default=(),
        metadata=_about(
            _urls,
            "FHIR base URLs that may be read, separated by commas. A `fhirServer` that is not listed is never"
            " contacted, and a bearer token is sent to no other origin. Empty: the service lives on prefetch alone.",
            "https://fhir.hospital.example/R4",
        ),
    )
    deadline_ms: int = field(
        default=800,
        metadata=_about(
            _whole(50, 30_000),
            "Milliseconds one order-sign call may take. Reads that would pass it are given up and named as gaps.",
            "800",
        ),
    )
    rules_mode: Literal["silent", "as-files"] = field(
        default="silent",
        metadata=_about(
            _one_of("silent", "as-files"),
            "`silent`: every rule is evaluated and recorded, and no card is returned; a new installation starts like"
            " this. `as-files`: each rule is active or silent as its file says.",
            "as-files",
        ),
    )
    content_dir: Path | None = field(
        default=None,
        metadata=_about(
            _path,
            "Directory of the site's own `cards/` and `fhir_profiles/`, used instead of those in the package.",
            "/etc/second-read/content",
        ),
    )
    site_file: Path | None = field(
        default=None,
        metadata=_about(
            _path,
            "YAML file of site facts: who reads, which second reads are offered and on what terms. It takes the place"
            " of `cards/site.yaml`.",
            "/etc/second-read/site.yaml",
        ),
    )
    local_codes_dir: Path | None = field(
        default=None,
        metadata=_about(
            _path,
            "Directory of FHIR ValueSets that add the site's own order codes to those of the package.",
            "/etc/second-read/local-codes",
        ),
    )
    database_url: str = field(
        default="sqlite:///second-read.db",
        metadata=_about(
            _text,
            "Where decisions, cards and feedback are recorded, as an SQLAlchemy URL. SQLite suits one machine.",
            "sqlite:////var/lib/second-read/ledger.db",
        ),
    )
    ledger_key: str | None = field(
        default=None,
        metadata=_about(
            _text,
            "Secret with which patient identifiers are masked in the ledger; at least 32 characters. Prefer"
            " `ledger_key_file`: the environment of a process is easier to read than a file.",
            "(64 hexadecimal digits)",
        ),
    )
    ledger_key_file: Path = field(
        default=Path("second-read.key"),
        metadata=_about(
            _path,
            "File that holds that secret. Where it does not exist it is created, readable by its owner alone. Keep"
            " it: with another key, earlier cards of a patient are no longer recognised. Machines that share a"
            " database share it.",
            "/var/lib/second-read/ledger.key",
        ),
    )
    max_body_bytes: int = field(
        default=8 * 1024 * 1024,
        metadata=_about(
            _whole(1024, 256 * 1024 * 1024),
            "Largest request body accepted; a larger one is answered with 413.",
            "8388608",
        ),
    )
    cors_origins: tuple[str, ...] = field(
        default=(),
        metadata=_about(
            _origins,
            "Origins of browser-based EHRs that may call the CDS Hooks endpoints (CORS), separated by commas. Empty:"
            " none.",
            "https://ehr.hospital.example",
        ),
    )
    workers: int = field(
        default=2,
        metadata=_about(
            _whole(1, 64),
            "Worker processes. One per processor core is enough; each holds at most about 150 MiB.",
            "2",
        ),
    )
    threads: int = field(
        default=8,
        metadata=_about(
            _whole(1, 128),
            "Threads per worker: calls that wait for a FHIR server at the same time.",
            "8",
        ),
    )
    log_level: Literal["debug", "info", "warning", "error"] = field(
        default="info",
        metadata=_about(
            _one_of("debug", "info", "warning", "error"),
            "Least severe log line written. Logs are JSON lines on standard error and never hold patient data.",
            "info",
        ),
    )
    demo: bool = field(
        default=False,
        metadata=_about(
            _yes_or_no,
            "Serve the demo EHR at `/demo`, with synthetic patients. Never together with `auth = jwt`.",
            "false",
        ),
    )


def load_settings(environ: Mapping[str, str], toml: Path | None = None) -> Settings:
    """The settings of this installation; raises `SettingsError` naming the setting and what is expected."""
    toml = toml or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)
    known = {each.name: each for each in fields(Settings)}
    values: dict[str, Any] = {}
    for name, raw in (_toml(toml) if toml else {}).items():
        values[name] = _read(_find(known, name, f"{toml}: {name}", str), raw, f"{toml}: {name}")
    for variable, raw in environ.items():
        # An empty variable is how shells and compose files say "not set".
        if not variable.startswith(PREFIX) or variable == CONFIG_VARIABLE or not raw.strip():
            continue
        each = _find(known, variable.removeprefix(PREFIX).lower(), variable, _variable)
        values[each.name] = _read(each, raw, variable)
    return check_settings(Settings(**values))


def check_settings(settings: Settings) -> Settings:
    """The same settings when they do not contradict each other; raises `SettingsError`."""
    if settings.auth == "jwt":
        for name in ("clients_file", "public_urls"):
            if not getattr(settings, name):
                raise SettingsError(
                    f"{_variable(name)} is needed with {PREFIX}AUTH=jwt: "
                    + (
                        "which callers are let in, with their public keys"
                        if name == "clients_file"
                        else "the aud of a JWT"
                    )
                    + f". For a trial on this machine alone set {PREFIX}AUTH=off."
                )
        if settings.demo:
            raise SettingsError(f"{PREFIX}DEMO=true needs {PREFIX}AUTH=off: the demo EHR has no keys")
    if settings.ledger_key is not None and len(settings.ledger_key) < 32:
        raise SettingsError(f"{PREFIX}LEDGER_KEY: at least 32 characters are expected")
    return settings


def check_host(settings: Settings, host: str) -> None:
    """Refuse to listen beyond loopback when callers are not authenticated; raises `SettingsError`."""
    if settings.auth == "off" and host not in LOOPBACK:
        raise SettingsError(
            f"--host {host}: with {PREFIX}AUTH=off the service listens on loopback only ({', '.join(LOOPBACK)});"
            f" set {PREFIX}AUTH=jwt to be reached from elsewhere"
        )


def settings_page() -> str:
    """docs/settings.md, from the fields above."""
    lines = [
        "# Settings",
        "",
        "Each setting is a variable of the environment, or a key of a TOML file named by `SECOND_READ_CONFIG` or",
        "`second-read serve --config FILE`. The environment wins. An unknown name stops the start.",
        "",
    ]
    for each in fields(Settings):
        default = each.default
        if isinstance(default, tuple):
            default = ",".join(default)
        shown = str(default).lower() if isinstance(default, bool) else default
        lines += [
            f"## {_variable(each.name)}",
            each.metadata["doc"],
            f"- TOML key: `{each.name}`",
            f"- Default: {f'`{shown}`' if shown not in (None, '') else 'none'}",
            f"- Example: `{each.metadata['example']}`",
        ]
    return "\n".join(lines)


def _variable(name: str) -> str:
    return PREFIX + name.upper()


def _find(known: Mapping[str, Field[Any]], name: str, where: str, spelt: Callable[[str], str]) -> Field[Any]:
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    raise SettingsError(f"{where}: no such setting" + (f"; did you mean {spelt(near[0])}?" if near else ""))


def _read(each: Field[Any], raw: Any, where: str) -> Any:
    try:
        return each.metadata["read"](raw)
    except ValueError as error:
        raise SettingsError(f"{where}: {error} is expected") from None


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not TOML: {error}") from None

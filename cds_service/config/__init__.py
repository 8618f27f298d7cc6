"""Every setting of the service, in one typed place: environment over a TOML file over the defaults.

A setting `database_url` is `SECOND_READ_DATABASE_URL` in the environment and `database_url` in the TOML file. A name
that is not a setting is refused with the nearest one that is: a misspelt security setting must not be silently absent.
docs/settings.md is generated from here (`settings_page`).
"""

import difflib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

from cds_service.config.settings import Settings
from cds_service.errors import SettingsError

__all__ = ["Settings", "check_host", "check_settings", "load_settings", "read_settings", "settings_page"]

PREFIX = "SECOND_READ_"
CONFIG_VARIABLE = "SECOND_READ_CONFIG"  # names the TOML file itself, so it cannot stand in it
_NEEDED = {"jwt": ("clients_file", "public_urls"), "mtls": ("clients_file", "proxy_secret_file")}
_WHAT_FOR = {
    "clients_file": "which callers are let in, with their public keys or certificates",
    "public_urls": "the aud of a JWT",
    "proxy_secret_file": "by which the proxy proves itself",
}
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def load_settings(environ: Mapping[str, str], toml: Path | None = None) -> Settings:
    """The settings with which a service may start; raises `SettingsError` naming the setting and what is expected."""
    return check_settings(read_settings(environ, toml))


def read_settings(environ: Mapping[str, str], toml: Path | None = None) -> Settings:
    """The settings, each well formed, for whoever looks after an installation without answering calls."""
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
    return Settings(**values)


def check_settings(settings: Settings) -> Settings:
    """The same settings when they do not contradict each other; raises `SettingsError`."""
    if settings.auth != "off":
        for name in _NEEDED[settings.auth]:
            if not getattr(settings, name):
                raise SettingsError(
                    f"{_variable(name)} is needed with {PREFIX}AUTH={settings.auth}: {_WHAT_FOR[name]}."
                    f" For a trial on this machine alone set {PREFIX}AUTH=off."
                )
        if settings.demo:
            raise SettingsError(f"{PREFIX}DEMO=true needs {PREFIX}AUTH=off: the demo EHR has no keys")
    if settings.ledger_key is not None and any(len(key) < 32 for key in settings.ledger_key.split() or [""]):
        raise SettingsError(f"{PREFIX}LEDGER_KEY: at least 32 characters are expected")
    return settings


def check_host(settings: Settings, host: str) -> None:
    """Refuse to listen beyond loopback when callers are not authenticated; raises `SettingsError`."""
    if settings.auth == "off" and host not in LOOPBACK:
        raise SettingsError(
            f"--host {host}: with {PREFIX}AUTH=off the service listens on loopback only ({', '.join(LOOPBACK)});"
            f" set {PREFIX}AUTH=jwt or mtls to be reached from elsewhere"
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
            "",
            each.metadata["doc"],
            "",
            f"- TOML key: `{each.name}`",
            f"- Default: {f'`{shown}`' if shown not in (None, '') else 'none'}",
            f"- Example: `{each.metadata['example']}`",
            "",
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

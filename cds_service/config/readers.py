"""How the value of one setting is read; a `ValueError` says what was expected."""

from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cds_service.outbound import base_url

ASYMMETRIC_ALGORITHMS = ("ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512")


def text(value: Any) -> str:
    """A text with something in it."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError("a text")
    return value.strip()


def database(value: Any) -> str:
    """The URL of a database; a PostgreSQL whose driver is left open is reached by psycopg, which the extra installs."""
    url = text(value)
    for plain in ("postgresql://", "postgres://"):
        if url.startswith(plain):
            return "postgresql+psycopg://" + url.removeprefix(plain)
    return url


def whole(low: int, high: int) -> Callable[[Any], int]:
    """A whole number within bounds."""

    def read(value: Any) -> int:
        expected = f"a whole number from {low} to {high}"
        if isinstance(value, str) and value.strip().isdecimal():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError(expected)
        return value

    return read


def yes_or_no(value: Any) -> bool:
    """True or false, in any of the words people use."""
    if isinstance(value, bool):
        return value
    words = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    if isinstance(value, str) and value.strip().lower() in words:
        return words[value.strip().lower()]
    raise ValueError("true or false")


def one_of(*choices: str) -> Callable[[Any], str]:
    """One of a few words."""

    def read(value: Any) -> str:
        if value is False and "off" in choices:  # TOML has no `off`, and people write `auth = false`
            return "off"
        if not isinstance(value, str) or value.strip().lower() not in choices:
            raise ValueError("one of " + ", ".join(choices))
        return value.strip().lower()

    return read


def path(value: Any) -> Path:
    """A path; `~` is the home directory."""
    return Path(text(value)).expanduser()


def folders(value: Any) -> tuple[Path, ...]:
    """Folders, separated by commas; `~` is the home directory."""
    given = tuple(Path(word).expanduser() for word in listed([str(value)] if isinstance(value, Path) else value))
    if not given:
        raise ValueError("one folder or several, separated by commas")
    return given


def listed(value: Any) -> tuple[str, ...]:
    """A list, or a text separated by commas; order kept, doubles dropped."""
    words = value.split(",") if isinstance(value, str) else value
    if not isinstance(words, list | tuple) or not all(isinstance(word, str) for word in words):
        raise ValueError("a list, separated by commas")
    return tuple(dict.fromkeys(word.strip() for word in words if word.strip()))


def urls(value: Any) -> tuple[str, ...]:
    """Absolute http(s) URLs in canonical form, without a final slash."""
    return tuple(base_url(url) for url in listed(value))


def urls_as_typed(value: Any) -> tuple[str, ...]:
    """Absolute http(s) URLs as they were written, without a final slash: they are compared letter by letter."""
    urls(value)
    return tuple(url.rstrip("/") for url in listed(value))


def networks(value: Any) -> tuple[str, ...]:
    """IP networks in CIDR notation."""
    try:
        return tuple(str(ip_network(word)) for word in listed(value))
    except ValueError:
        raise ValueError("IP networks such as 10.20.0.0/16, separated by commas") from None


def one_url(value: Any) -> str:
    """One such URL."""
    found = urls(value)
    if len(found) != 1:
        raise ValueError("one absolute http(s) URL without query")
    return found[0]


def origins(value: Any) -> tuple[str, ...]:
    """Web origins (RFC 6454)."""
    origins = urls(value)
    if any(urlsplit(origin).path for origin in origins):
        raise ValueError("origins such as https://ehr.example.org, without a path; `*` is refused")
    return origins


def algorithms(value: Any) -> tuple[str, ...]:
    """Asymmetric JWT algorithms."""
    names = listed(value)
    if not names or not set(names) <= set(ASYMMETRIC_ALGORITHMS):
        raise ValueError(
            "some of " + ", ".join(ASYMMETRIC_ALGORITHMS) + "; `none` and symmetric ones are never accepted"
        )
    return names

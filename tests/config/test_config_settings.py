"""Settings: one typed place, names checked, contradictions refused, each documented."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from cds_service.config import Settings, check_host, load_settings, settings_page
from cds_service.errors import SettingsError

OFF = {"SECOND_READ_AUTH": "off"}
PAGE = Path(__file__).parents[2] / "docs/settings.md"


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    """A TOML file sets what the environment leaves open, whichever way the file is named."""
    file = tmp_path / "settings.toml"
    file.write_text('auth = "off"\ndeadline_ms = 500\nfhir_servers = ["https://a.example.org/r4/"]\nworkers = 3\n')
    for environ, named in (({}, file), ({"SECOND_READ_CONFIG": str(file)}, None)):
        settings = load_settings(environ | {"SECOND_READ_WORKERS": "1"}, named)
        assert (settings.deadline_ms, settings.workers) == (500, 1)
        assert settings.fhir_servers == ("https://a.example.org/r4",)


def test_a_new_installation_is_careful() -> None:
    """Without a word, callers are authenticated, rules are silent and no FHIR server is read."""
    plain = Settings()
    assert (plain.auth, plain.rules_mode, plain.fhir_servers, plain.cors_origins) == ("jwt", "silent", (), ())


def test_an_empty_variable_is_not_set() -> None:
    """`SECOND_READ_WORKERS=` means the default, as compose files write it."""
    assert load_settings(OFF | {"SECOND_READ_WORKERS": ""}).workers == Settings().workers


@pytest.mark.parametrize(
    ("name", "near"),
    [("SECOND_READ_AUHT", "SECOND_READ_AUTH"), ("SECOND_READ_FHIR_SERVER", "SECOND_READ_FHIR_SERVERS")],
)
def test_an_unknown_variable_stops_the_start(name: str, near: str) -> None:
    """A misspelt variable is refused with the nearest right one."""
    with pytest.raises(SettingsError, match=f"{name}: no such setting; did you mean {near}?"):
        load_settings(OFF | {name: "x"})


def test_an_unknown_key_stops_the_start(tmp_path: Path) -> None:
    """A misspelt key of the file is refused with the file and the nearest right one."""
    file = tmp_path / "settings.toml"
    file.write_text("deadline = 500\n")
    with pytest.raises(SettingsError, match=r"settings\.toml: deadline: no such setting; did you mean deadline_ms"):
        load_settings(OFF, file)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("AUTH", "basic", "one of jwt, mtls, off"),
        ("DEADLINE_MS", "soon", "a whole number from 50 to 30000"),
        ("DEADLINE_MS", "10", "a whole number from 50"),
        ("WORKERS", "0", "a whole number from 1"),
        ("RULES_MODE", "loud", "one of silent, as-files"),
        ("FHIR_SERVERS", "fhir.example.org", "absolute http"),
        ("FHIR_SERVERS", "https://u:p@fhir.example.org", "without a user name"),
        ("PUBLIC_URLS", "https://e.org?x=1", "without query"),
        ("CORS_ORIGINS", "*", "absolute http"),
        ("CORS_ORIGINS", "https://e.org/path", "without a path"),
        ("JWT_ALGORITHMS", "HS256", "symmetric ones are never accepted"),
        ("JWT_ALGORITHMS", "none", "never accepted"),
        ("DEMO", "perhaps", "true or false"),
        ("LEDGER_KEY", "short", "at least 32 characters"),
    ],
)
def test_a_wrong_value_is_named(name: str, value: str, expected: str) -> None:
    """A value that cannot be meant is refused with the setting and what is expected, without the value."""
    with pytest.raises(SettingsError, match=f"SECOND_READ_{name}: .*{expected}"):
        load_settings(OFF | {f"SECOND_READ_{name}": value})


@pytest.mark.parametrize("text", ["not toml =", "\x00"])
def test_a_file_that_is_not_toml(text: str, tmp_path: Path) -> None:
    """A file that cannot be read as TOML is refused by name."""
    file = tmp_path / "settings.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=r"settings\.toml: not TOML"):
        load_settings(OFF, file)
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(OFF, tmp_path / "absent.toml")


@pytest.mark.parametrize(
    ("environ", "names"),
    [
        ({}, "SECOND_READ_CLIENTS_FILE"),
        ({"SECOND_READ_CLIENTS_FILE": "c.json"}, "SECOND_READ_PUBLIC_URLS"),
        (
            {"SECOND_READ_CLIENTS_FILE": "c", "SECOND_READ_PUBLIC_URLS": "https://e.org", "SECOND_READ_DEMO": "yes"},
            "DEMO",
        ),
    ],
)
def test_contradictions_are_refused(environ: dict[str, str], names: str) -> None:
    """`auth = jwt` needs keys and public URLs, and excludes the demo EHR, which has none."""
    with pytest.raises(SettingsError, match=names):
        load_settings(environ)


def test_without_authentication_only_loopback() -> None:
    """With `auth = off` the service may listen on loopback and nowhere else."""
    off = Settings(auth="off")
    for host in ("127.0.0.1", "::1", "localhost"):
        check_host(off, host)
    for host in ("0.0.0.0", "::", "192.0.2.1", "cds.example.org"):
        with pytest.raises(SettingsError, match="SECOND_READ_AUTH"):
            check_host(off, host)
    check_host(Settings(auth="jwt"), "0.0.0.0")


def test_a_secret_is_not_shown() -> None:
    """The ledger key does not appear where settings are printed."""
    assert "k" * 32 not in repr(Settings(auth="off", ledger_key="k" * 32))


def test_the_page_of_settings_is_current() -> None:
    """docs/settings.md has a heading for each setting and says what the code says."""
    page = PAGE.read_text(encoding="utf-8")
    for each in fields(Settings):
        assert f"## SECOND_READ_{each.name.upper()}\n" in page
    assert page == settings_page(), "write it anew with `python -m cds_service.config > docs/settings.md`"


@pytest.mark.parametrize("each", fields(Settings), ids=lambda each: each.name)
def test_examples_can_be_read(each: Any) -> None:
    """The example of every setting is one that it accepts."""
    assert each.metadata["read"](each.metadata["example"]) is not None

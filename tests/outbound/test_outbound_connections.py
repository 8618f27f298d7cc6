"""Connections are dialled only where a name may lead: what the name resolves to is judged before a byte is sent."""

import ipaddress
import socket
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import pytest
import requests

from cds_service.outbound.connections import guarded_session, may_be_dialled

HOST = "fhir.hospital.example"
INSIDE = ["127.0.0.1", "127.8.8.8", "10.0.0.7", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
          "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1",
          "::ffff:10.0.0.7", "64:ff9b::7f00:1", "64:ff9b::a00:7", "2002:7f00:1::", "2002:a00:7::"]  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_a_public_name_leads_to_no_inner_address(address: str) -> None:
    """A listed name that resolves to loopback, a private network, link-local or a carrier of one is not dialled."""
    assert not may_be_dialled(HOST, ipaddress.ip_address(address), ())


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111", "::ffff:93.184.216.34"])
def test_a_public_name_leads_to_public_addresses(address: str) -> None:
    """Public addresses are dialled."""
    assert may_be_dialled(HOST, ipaddress.ip_address(address), ())


def test_a_listed_network_is_the_operators_word() -> None:
    """A name may lead into a listed network, and still nowhere else inside."""
    networks = (ipaddress.ip_network("10.20.0.0/16"),)
    assert may_be_dialled(HOST, ipaddress.ip_address("10.20.3.4"), networks)
    assert not may_be_dialled(HOST, ipaddress.ip_address("10.21.0.1"), networks)
    assert not may_be_dialled(HOST, ipaddress.ip_address("127.0.0.1"), networks)


def test_an_address_that_was_written_is_meant() -> None:
    """A literal address leads to itself alone; `localhost` to loopback alone, whatever the resolver says."""
    assert may_be_dialled("127.0.0.1", ipaddress.ip_address("127.0.0.1"), ())
    assert may_be_dialled("[::1]", ipaddress.ip_address("::1"), ())
    assert not may_be_dialled("127.0.0.1", ipaddress.ip_address("10.0.0.1"), ())
    assert may_be_dialled("localhost", ipaddress.ip_address("127.0.0.1"), ())
    assert not may_be_dialled("localhost", ipaddress.ip_address("93.184.216.34"), ())


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Where a connection was attempted, and nothing connects."""
    tried: list[Any] = []

    def refuse(address: Any, *_more: Any, **_named: Any) -> Any:
        tried.append(address[0])
        raise OSError("no network here")

    monkeypatch.setattr("cds_service.outbound.connections.create_connection", refuse)
    return tried


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """The resolver says these, one answer after another, and remembers what it was asked."""
    asked: list[str] = []

    def look_up(host: str, port: int, *_more: Any) -> list[Any]:
        asked.append(host)
        found = answers[min(len(asked), len(answers)) - 1]
        return [(socket.AF_INET6 if ":" in a else socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in found]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_name_that_resolves_inside_is_not_dialled(
    scheme: str, monkeypatch: pytest.MonkeyPatch, dialled: list[Any]
) -> None:
    """DNS that points a listed name at loopback leads nowhere; the public one of two addresses is used."""
    resolving(monkeypatch, ["127.0.0.1", "10.0.0.1"])
    with pytest.raises(requests.ConnectionError):
        guarded_session().get(f"{scheme}://{HOST}/R4", timeout=1)
    assert dialled == []
    resolving(monkeypatch, ["127.0.0.1", "93.184.216.34"])
    with pytest.raises(requests.ConnectionError):
        guarded_session().get(f"{scheme}://{HOST}/R4", timeout=1)
    assert dialled == ["93.184.216.34"]


def test_a_name_is_looked_up_once(monkeypatch: pytest.MonkeyPatch, dialled: list[Any]) -> None:
    """What was judged is what is dialled: a second look-up could say something else (DNS rebinding)."""
    asked = resolving(monkeypatch, ["93.184.216.34"], ["127.0.0.1"])
    with pytest.raises(requests.ConnectionError):
        guarded_session().get(f"http://{HOST}/R4", timeout=1)
    assert asked == [HOST]
    assert dialled == ["93.184.216.34"]


def test_nothing_of_the_machine_goes_along(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies and `.netrc` of the environment, and cookies of earlier answers, are not used."""
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    session = guarded_session()
    assert session.trust_env is False
    assert session.max_redirects == 0
    policy = session.cookies.get_policy()
    assert isinstance(policy, DefaultCookiePolicy)
    assert policy.is_not_allowed(HOST)

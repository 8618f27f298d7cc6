"""Connections that go where the listed address says: the name is looked up once, judged, and that address is dialled.

A listed name that resolves to loopback or into a private network would lead a request inside (DNS rebinding). Names are
therefore dialled only where public, or in a network that the operator listed. An address that the operator wrote into
the URL himself, and `localhost`, mean what they say.
"""

import ipaddress
import socket
from collections.abc import Iterable
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class AddressRefused(NewConnectionError):
    """A name resolved to no address that may be dialled; its text names the host, which the operator listed."""


def may_be_dialled(host: str, address: Address, networks: tuple[Network, ...]) -> bool:
    """Whether a connection meant for `host` may go to `address`."""
    try:
        return ipaddress.ip_address(host.strip("[]")) == address
    except ValueError:
        pass
    meant = _embedded(address)
    if host == "localhost":
        return meant.is_loopback
    if any(meant in network for network in networks):
        return True
    return meant.is_global and not meant.is_multicast


def guarded_session(
    networks: Iterable[str] = (), *, ca_file: Path | None = None, parallel: int = 8
) -> requests.Session:
    """A session without proxies, `.netrc`, retries or cookies, that dials public addresses and `networks` (CIDR) only.

    Whoever asks with it checks the URL with `within` first, and passes `allow_redirects=False`. Connections are kept
    open, `parallel` for each host.
    """
    session = requests.Session()
    session.trust_env = False
    session.max_redirects = 0
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    if ca_file is not None:
        session.verify = str(ca_file)
    adapter = _Adapter(tuple(map(ipaddress.ip_network, networks)), parallel)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def _embedded(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one that only carries it (mapped, 6to4, NAT64)."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in ipaddress.ip_network("64:ff9b::/96"):
        return ipaddress.IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour or address


class _Adapter(HTTPAdapter):
    def __init__(self, networks: tuple[Network, ...], parallel: int) -> None:
        self._networks = networks
        super().__init__(pool_connections=parallel, pool_maxsize=parallel, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Let the pools make connections that look before they dial."""
        super().init_poolmanager(*args, **kwargs)
        networks = self._networks

        class Plain(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return _dial(self, networks)

        class Secure(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return _dial(self, networks)

        self.poolmanager.pool_classes_by_scheme = {
            "http": type("GuardedPool", (HTTPConnectionPool,), {"ConnectionCls": Plain}),
            "https": type("GuardedPool", (HTTPSConnectionPool,), {"ConnectionCls": Secure}),
        }


def _dial(connection: HTTPConnection, networks: tuple[Network, ...]) -> socket.socket:
    """What urllib3 does to connect, with the addresses judged between the look-up and the dialling."""
    host, port = connection._dns_host, connection.port or connection.default_port
    try:
        found = socket.getaddrinfo(host, port, socket.AF_UNSPEC, socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise NameResolutionError(host, connection, error) from error
    addresses = list(dict.fromkeys(str(each[4][0]).partition("%")[0] for each in found))
    fit = [each for each in addresses if may_be_dialled(host, ipaddress.ip_address(each), networks)]
    if not fit:
        raise AddressRefused(connection, f"{host} resolves to no address that may be dialled")
    failure: OSError | None = None
    for address in fit:
        try:
            return create_connection(
                (address, port), connection.timeout, connection.source_address, connection.socket_options
            )
        except OSError as error:
            failure = error
    if isinstance(failure, TimeoutError):
        raise ConnectTimeoutError(connection, f"no connection within {connection.timeout} s") from failure
    raise NewConnectionError(connection, f"no connection: {type(failure).__name__}") from failure

"""A real nginx before a real gunicorn, by the configurations of docs/nginx: TLS, and callers by certificate."""

import json
import shutil
import socket
import ssl
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from ssl import TLSVersion
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from parts.charts import fusion_chart
from parts.issuers import clients_file, issuer
from parts.processes import ROOT, Served, child, free_port, served, wait_until
from requests.adapters import HTTPAdapter

PATH = "/cds-services/second-read"
NAME = "cds.hospital.example"
SECRET = "a-secret-of-the-proxy-0123456789abcdef"
CALLER = "https://ehr.example.org/r4"


@dataclass(frozen=True)
class Authority:
    """A certificate authority of our own."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    def issue(
        self, name: str, *, days: tuple[int, int] = (-1, 30), usage: x509.ObjectIdentifier | None = None
    ) -> tuple[str, str]:
        """A certificate for that name and its key, as files."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = _builder(name, self.certificate.subject, key.public_key(), days).add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False
        )
        if usage:
            made = made.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        return self._written(name, made.sign(self.key, SHA256()), key)

    def _written(self, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> tuple[str, str]:
        files = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        files[0].write_bytes(certificate.public_bytes(Encoding.PEM))
        files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return str(files[0]), str(files[1])


def _builder(name: str, issuer_name: x509.Name, key: Any, days: tuple[int, int] = (-1, 30)) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    return x509.CertificateBuilder(
        issuer_name, subject, key, x509.random_serial_number(), now + timedelta(days[0]), now + timedelta(days[1])
    )


def authority(folder: Path) -> Authority:
    """A new one, whose certificate is `ca.pem`."""
    folder.mkdir(parents=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hospital")])
    made = _builder("hospital", name, key.public_key()).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    )
    certificate = made.sign(key, SHA256())
    (folder / "ca.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    return Authority(folder, key, certificate)


def handshake(front: "Front", version: TLSVersion) -> str | None:
    """The version that is agreed on with a caller who speaks `version` alone; None where the proxy refuses it."""
    context = ssl.create_default_context(cafile=front.ca)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = version, version
    port = int(front.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as raw:
        try:
            with context.wrap_socket(raw, server_hostname=NAME) as spoken:
                return spoken.version()
        except ssl.SSLError as error:
            if error.reason != "TLSV1_ALERT_PROTOCOL_VERSION":
                raise
            return None


class _Named(HTTPAdapter):
    """Asks 127.0.0.1 for the name that the certificate holds."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, server_hostname=NAME, assert_hostname=NAME, **kwargs)


@dataclass(frozen=True)
class Front:
    """nginx, and how to reach it."""

    url: str
    ca: str

    def session(self, *certificate: str) -> requests.Session:
        """A caller with that certificate."""
        made = requests.Session()
        made.trust_env = False
        made.verify = self.ca
        made.cert = certificate or None  # type: ignore[assignment]
        made.headers["Host"] = NAME
        made.mount("https://", _Named())
        return made


@contextmanager
def front(
    conf: str,
    ours: Authority,
    service: Served,
    port: int,
    callers: Authority | None = None,
    *,
    folder: Path | None = None,
    replaced: Mapping[str, str] | None = None,
) -> Iterator[Front]:
    """nginx with a configuration of docs/nginx, its addresses and files replaced by ours."""
    certificate, key = ours.issue(NAME)
    text = (ROOT / "docs" / "nginx" / conf).read_text()
    for example, real in {
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "server 127.0.0.1:8080": f"server {service.url.removeprefix('http://')}",
        "/etc/second-read/tls/server.pem": certificate,
        "/etc/second-read/tls/server.key": key,
        **(replaced or {}),
    }.items():
        assert example in text
        text = text.replace(example, real)
    if callers:
        text = text.replace("/etc/second-read/tls/callers-ca.pem", str(callers.folder / "ca.pem"))
        text = text.replace("PUT-THE-SECRET-HERE", SECRET)
    folder = folder or ours.folder / conf.removesuffix(".conf")
    folder.mkdir()
    temp = "".join(
        f"{each}_temp_path {folder}/{each};\n" for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off;\npid {folder}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n{temp}{text}}}\n"
    )
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    line = [nginx, "-p", str(folder), "-c", str(folder / "nginx.conf")]
    with child(line, folder / "log", cwd=folder, env={"PATH": "/usr/bin:/bin"}) as process:
        reached = Front(f"https://127.0.0.1:{port}", str(ours.folder / "ca.pem"))
        wait_until(
            lambda: bool(reached.session().get(f"{reached.url}/readyz", timeout=2).status_code), process, folder / "log"
        )
        yield reached


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who vouches for the server."""
    return authority(tmp_path_factory.mktemp("tls") / "ours")


@pytest.fixture(scope="module")
def callers(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who vouches for callers."""
    return authority(tmp_path_factory.mktemp("tls") / "callers")


@pytest.fixture(scope="module")
def mutual(
    ours: Authority, callers: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Front, Served]]:
    """The service behind nginx that verifies client certificates."""
    folder = tmp_path_factory.mktemp("mutual")
    (folder / "secret").write_text(SECRET)
    (folder / "clients.json").write_text(
        json.dumps({"clients": [{"iss": CALLER, "certificates": ["dns:cds.ehr.example.org"]}]})
    )
    files = {"CLIENTS_FILE": str(folder / "clients.json"), "PROXY_SECRET_FILE": str(folder / "secret")}
    with (
        served(folder, AUTH="mtls", **files) as service,
        front("mtls.conf", ours, service, free_port(), callers) as nginx,
    ):
        yield nginx, service


def test_a_listed_certificate_gets_its_card(mutual: tuple[Front, Served], callers: Authority) -> None:
    """Order-sign by the caller whose certificate is listed is answered with a card."""
    nginx, _ = mutual
    chart = fusion_chart()
    session = nginx.session(*callers.issue("cds.ehr.example.org"))
    answer = session.post(nginx.url + PATH, json=chart.request(chart.prefetch()), timeout=10)
    assert answer.status_code == 200
    assert len(answer.json()["cards"]) == 1


@pytest.mark.parametrize("conf", ["tls.conf", "mtls.conf"])
def test_nothing_older_than_tls_1_2(
    conf: str, ours: Authority, mutual: tuple[Front, Served], tmp_path: Path, callers: Authority
) -> None:
    """TLS 1.2 and 1.3 are spoken, 1.0 and 1.1 refused by the proxy, and plain HTTP is no way in.

    The caller of this test speaks the old versions: an nginx that allows them, with the same certificate, takes it.
    """
    nginx, service = mutual
    with ExitStack() as stack:
        if conf == "tls.conf":
            nginx = stack.enter_context(front(conf, ours, service, free_port(), folder=tmp_path / "strict"))
        old = (TLSVersion.TLSv1, TLSVersion.TLSv1_1)
        assert [handshake(nginx, each) for each in (TLSVersion.TLSv1_2, TLSVersion.TLSv1_3)] == ["TLSv1.2", "TLSv1.3"]
        assert [handshake(nginx, each) for each in old] == [None, None]
        plain = requests.get(nginx.url.replace("https", "http") + "/cds-services", timeout=5)
        assert plain.status_code == 400
        assert "services" not in plain.text
        lax = (
            "ssl_protocols TLSv1.2 TLSv1.3;",
            "ssl_protocols TLSv1 TLSv1.1 TLSv1.2; ssl_ciphers ALL:@SECLEVEL=0;",
        )
        other = stack.enter_context(
            front("tls.conf", ours, service, free_port(), folder=tmp_path / "lax", replaced=dict([lax]))
        )
        assert [handshake(other, each) for each in old] == ["TLSv1", "TLSv1.1"]


@pytest.mark.parametrize("kind", ["expired", "not-yet", "self-made", "for-servers-only"])
def test_a_certificate_that_is_wrong_ends_at_the_proxy(
    kind: str, mutual: tuple[Front, Served], callers: Authority, tmp_path: Path
) -> None:
    """The listed name in a certificate out of its time, of nobody's making, or not made for callers, is no way in."""
    nginx, _ = mutual
    name = "cds.ehr.example.org"
    assert nginx.session(*callers.issue(name)).get(nginx.url + "/cds-services", timeout=5).status_code == 200
    days = {"expired": (-9, -1), "not-yet": (1, 9)}.get(kind, (-1, 30))
    usage = ExtendedKeyUsageOID.SERVER_AUTH if kind == "for-servers-only" else ExtendedKeyUsageOID.CLIENT_AUTH
    by = authority(tmp_path / "nobody") if kind == "self-made" else callers
    answer = nginx.session(*by.issue(name, days=days, usage=usage)).get(nginx.url + "/cds-services", timeout=5)
    assert answer.status_code == 400
    assert "services" not in answer.text


def test_no_other_certificate_does(mutual: tuple[Front, Served], ours: Authority, callers: Authority) -> None:
    """Another name of the same authority is 401; no certificate, or one of another authority, ends at the proxy."""
    nginx, _ = mutual
    assert (
        nginx.session(*callers.issue("other.example.org")).get(nginx.url + "/cds-services", timeout=5).status_code
        == 401
    )
    assert nginx.session().get(nginx.url + "/cds-services", timeout=5).status_code == 400
    try:
        status = (
            nginx.session(*ours.issue("cds.ehr.example.org")).get(nginx.url + "/cds-services", timeout=5).status_code
        )
    except requests.exceptions.SSLError:
        status = 400
    assert status == 400


@pytest.mark.parametrize("name", ["Client-Cert", "client-cert", "Client_Cert", "CLIENT_CERT"])
def test_a_claimed_certificate_is_replaced(name: str, mutual: tuple[Front, Served], callers: Authority) -> None:
    """What a caller writes into the header itself, in any spelling, never reaches the service."""
    nginx, _ = mutual
    listed = Path(callers.issue("cds.ehr.example.org")[0]).read_text()
    claimed = {name: requests.utils.quote(listed)}
    session = nginx.session(*callers.issue("other.example.org"))
    assert session.get(nginx.url + "/cds-services", headers=claimed, timeout=5).status_code == 401


@pytest.mark.parametrize("proxy", ["X-Second-Read-Proxy", "X_Second_Read_Proxy"])
@pytest.mark.parametrize("secret", ["", "guessed-guessed-guessed-guessed-guessed"])
def test_nobody_beside_the_proxy_is_believed(
    secret: str, proxy: str, mutual: tuple[Front, Served], callers: Authority
) -> None:
    """Whoever reaches the service past the proxy can claim a listed certificate, and is refused."""
    _, service = mutual
    listed = requests.utils.quote(Path(callers.issue("cds.ehr.example.org")[0]).read_text())
    for header in ("Client-Cert", "Client_Cert"):
        sent = {header: listed, proxy: secret}
        assert requests.get(f"{service.url}/cds-services", headers=sent, timeout=5).status_code == 401


def test_tls_with_tokens(ours: Authority, tmp_path: Path) -> None:
    """Behind TLS the `aud` is the URL that the caller typed, and a token opens one call."""
    caller, port = issuer("RS384"), free_port()
    base = f"https://{NAME}"
    more = {"CLIENTS_FILE": str(clients_file(tmp_path, [caller])), "PUBLIC_URLS": base, "WORKERS": "2"}
    with served(tmp_path / "s", AUTH="jwt", **more) as service, front("tls.conf", ours, service, port) as nginx:
        session, chart = nginx.session(), fusion_chart()
        bearer = {"Authorization": f"Bearer {caller.token(base + PATH)}"}
        first = session.post(nginx.url + PATH, json=chart.request(chart.prefetch()), headers=bearer, timeout=10)
        assert len(first.json()["cards"]) == 1
        again = [session.post(nginx.url + PATH, json={}, headers=bearer, timeout=10).status_code for _ in range(8)]
        assert again == [401] * 8
        past = [requests.post(service.url + PATH, json={}, headers=bearer, timeout=10).status_code for _ in range(8)]
        assert past == [401] * 8, "whichever worker receives it"
        assert session.get(f"{nginx.url}/healthz", timeout=5).status_code == 200
        big = session.post(nginx.url + PATH, data=b"x" * (9 * 1024 * 1024), headers=bearer, timeout=10)
        assert big.status_code == 413

"""Authorization: which tokens become an AuthenticatedClient, which do not, and which configurations never start."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from cds_service.auth import ANONYMOUS, Trust, authenticate, load_trust
from cds_service.config import Settings
from cds_service.errors import BadRequest, SettingsError, Unauthorized
from cds_service.model import AuthenticatedClient

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
BASE, PATH = "https://cds.example.org/base", "/cds-services/second-read"
ISS = "https://ehr.example.org/r4"
RSA_KID = "c3Rh/bmRh+cmQ="  # a thumbprint in plain base64, as Epic writes it


@cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    """A key of the caller, made once."""
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    """Another key of the caller."""
    return ec.generate_private_key(ec.SECP384R1())


def public_rsa(**members: Any) -> dict[str, Any]:
    """The RSA key as a public JWK."""
    return RSAAlgorithm.to_jwk(rsa_key().public_key(), as_dict=True) | {"kid": RSA_KID} | members


def public_ec(**members: Any) -> dict[str, Any]:
    """The EC key as a public JWK."""
    return ECAlgorithm.to_jwk(ec_key().public_key(), as_dict=True) | {"kid": "ec"} | members


def entry(**members: Any) -> dict[str, Any]:
    """What the clients file says of the caller."""
    bent = {"iss": ISS, "jwks": {"keys": [public_rsa(), public_ec()]}, "profile": "epic"} | members
    return {name: value for name, value in bent.items() if value is not ...}


Load = Callable[..., Trust]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load a clients file with these entries."""

    def loaded(*entries: Any, **more: Any) -> Trust:
        path = tmp_path / "clients.json"
        path.write_text(json.dumps({"clients": list(entries or (entry(),))}))
        return load_trust(
            Settings(**({"clients_file": path, "public_urls": (BASE, "https://other.example.org")} | more))
        )

    return loaded


def token(algorithm: str = "RS384", headers: dict[str, Any] | None = None, key: Any = None, **claims: Any) -> str:
    """A token of the caller; claims and headers that are `...` are left out."""
    now = int(NOW.timestamp())
    payload = {"iss": ISS, "aud": BASE + PATH, "iat": now, "exp": now + 300, "jti": "1"} | claims
    own = ec_key() if algorithm.startswith("ES") else rsa_key()
    head = {"kid": "ec" if algorithm.startswith("ES") else RSA_KID, "typ": "JWT"} | (headers or {})
    return jwt.encode(
        {name: value for name, value in payload.items() if value is not ...},
        key or own,
        algorithm=algorithm,
        headers={name: value for name, value in head.items() if value is not ...},
    )


def enter(keys: Trust, value: str, path: str = PATH) -> AuthenticatedClient:
    """Call with that Authorization header."""
    return authenticate({"HTTP_AUTHORIZATION": value}, path, keys, NOW, lambda *_: True)


@pytest.mark.parametrize("algorithm", ["RS384", "ES384"])
def test_both_recommended_algorithms_let_in(algorithm: str, load: Load) -> None:
    """RS384 and ES384 tokens of a listed issuer become that client, with its profile."""
    assert enter(load(), "Bearer " + token(algorithm)) == AuthenticatedClient(ISS, None, "epic")


ADMITTED: dict[str, str] = {
    "several audiences": token(aud=["https://elsewhere.example.org", BASE + PATH]),
    "another public URL": token(aud="https://other.example.org" + PATH),
    "an Epic-shaped token": token(nbf=int(NOW.timestamp()) - 300, sub="client", exp=int(NOW.timestamp()) + 900),
    "a clock half a second ahead": token(iat=NOW.timestamp() + 0.5),
    "a clock one minute behind": token(exp=int(NOW.timestamp()) - 59),
    "no typ": token(headers={"typ": None}),
    "an unlisted jku": token(headers={"jku": "https://ehr.example.org/jwks.json"}),
}


@pytest.mark.parametrize("case", ADMITTED)
def test_what_real_clients_send_is_let_in(case: str, load: Load) -> None:
    """Departures that real clients make and that weaken nothing are tolerated."""
    assert enter(load(), "Bearer " + ADMITTED[case]).id == ISS


@pytest.mark.parametrize(
    ("listed", "sent", "known"), [(None, "north", "north"), ("north", ..., "north"), ("north", "north", "north")]
)
def test_the_tenant_is_known(listed: Any, sent: Any, known: str, load: Load) -> None:
    """The tenant comes from the token or from the clients file."""
    keys = load(entry(tenant=listed if listed else ...))
    assert enter(keys, "Bearer " + token(tenant=sent)).tenant == known


def encoded(part: Any) -> str:
    """One part of a token, by hand."""
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def forged(algorithm: str, secret: bytes = b"") -> str:
    """A token with no signature, or signed with a secret, such as the bytes of the public key."""
    now = int(NOW.timestamp())
    payload = {"iss": ISS, "aud": BASE + PATH, "iat": now, "exp": now + 300, "jti": "1"}
    signed = f"{encoded({'alg': algorithm, 'kid': RSA_KID, 'typ': 'JWT'})}.{encoded(payload)}"
    mark = hmac.digest(secret, signed.encode(), hashlib.sha256) if secret else b""
    return f"{signed}.{base64.urlsafe_b64encode(mark).rstrip(b'=').decode()}"


def tampered() -> str:
    """A token whose payload was changed after it was signed."""
    head, _, mark = token().split(".")
    now = int(NOW.timestamp())
    return f"{head}.{encoded({'iss': ISS, 'aud': BASE + PATH, 'iat': now, 'exp': now + 9, 'jti': '2'})}.{mark}"


REFUSED: dict[str, str] = {
    "nothing": "",
    "null": "null",
    "Bearer null": "Bearer null",
    "Bearer alone": "Bearer",
    "Basic": "Basic dXNlcjpwYXNz",
    "not a token": "Bearer a.b.c",
    "not ASCII": "Bearer é.é.é",
    "a huge token": "Bearer " + "a" * 20_000 + ".b.c",
    "parts that are no objects": f"Bearer {encoded(1)}.{encoded([])}.eA",
    "none": "Bearer " + forged("none"),
    "HS256 with the public key as secret": "Bearer " + forged("HS256", json.dumps(public_rsa()).encode()),
    "RS256, which is not allowed": "Bearer " + token("RS256"),
    "an RS384 token with the kid of the EC key": "Bearer " + token(headers={"kid": "ec"}),
    "an unknown kid": "Bearer " + token(headers={"kid": "x"}),
    "another's key": "Bearer " + token(key=rsa.generate_private_key(65537, 2048)),
    "a changed payload": "Bearer " + tampered(),
    "no signature": "Bearer " + token().rpartition(".")[0] + ".",
    "an unknown issuer": "Bearer " + token(iss="https://nobody.example.org"),
    "no issuer": "Bearer " + token(iss=...),
    "another endpoint": "Bearer " + token(aud=BASE + PATH + "/feedback"),
    "the base URL alone": "Bearer " + token(aud=BASE),
    "a trailing slash": "Bearer " + token(aud=BASE + PATH + "/"),
    "no audience": "Bearer " + token(aud=...),
    "expired": "Bearer " + token(exp=int(NOW.timestamp()) - 60),
    "no exp": "Bearer " + token(exp=...),
    "an empty signature": "Bearer " + forged("RS384"),
    "from the future": "Bearer " + token(iat=int(NOW.timestamp()) + 61),
    "not yet": "Bearer " + token(nbf=int(NOW.timestamp()) + 61),
    "no iat": "Bearer " + token(iat=...),
    "no jti": "Bearer " + token(jti=...),
    "living for days": "Bearer " + token(exp=int(NOW.timestamp()) + 172_800),
    "an endless exp": "Bearer " + token(exp=1e300),
    "another typ": "Bearer " + token(headers={"typ": "at+jwt"}),
    "a critical extension": "Bearer " + token(headers={"crit": ["exp"]}),
}


@pytest.mark.parametrize("case", REFUSED)
def test_everything_else_stays_out(case: str, load: Load) -> None:
    """Whatever is wrong with a token, its bearer is not let in, and the reason does not quote it."""
    with pytest.raises(Unauthorized) as refusal:
        enter(load(), REFUSED[case])
    assert "ehr.example.org" not in refusal.value.reason


def test_a_jku_that_is_listed_must_match(load: Load) -> None:
    """Where the clients file names a jku, a token that names another is refused."""
    keys = load(entry(jku="https://ehr.example.org/jwks.json"))
    assert enter(keys, "Bearer " + token(headers={"jku": "https://ehr.example.org/jwks.json"}))
    with pytest.raises(Unauthorized):
        enter(keys, "Bearer " + token(headers={"jku": "https://evil.example.org/jwks.json"}))


def test_another_tenant_stays_out(load: Load) -> None:
    """Where the clients file names a tenant, a token of another is refused."""
    with pytest.raises(Unauthorized):
        enter(load(entry(tenant="north")), "Bearer " + token(tenant="south"))


def test_rs256_is_an_opt_in(load: Load) -> None:
    """An algorithm outside the recommendation is accepted once the settings allow it."""
    assert enter(load(jwt_algorithms=("RS256", "ES384")), "Bearer " + token("RS256")).id == ISS


def test_discovery_has_an_audience_of_its_own(load: Load) -> None:
    """A token for one endpoint opens no other."""
    assert enter(load(), "Bearer " + token(aud=BASE + "/cds-services"), "/cds-services").id == ISS
    with pytest.raises(Unauthorized):
        enter(load(), "Bearer " + token(), "/cds-services")


def test_off_lets_anybody_in_but_a_proxy() -> None:
    """With authentication off everybody is anonymous, and a forwarded call is refused."""
    trust = load_trust(Settings(auth="off"))
    assert authenticate({"HTTP_AUTHORIZATION": "Bearer x"}, PATH, trust, NOW, lambda *_: True) is ANONYMOUS
    with pytest.raises(BadRequest):
        authenticate({"HTTP_X_FORWARDED_FOR": "192.0.2.1"}, PATH, trust, NOW, lambda *_: True)


def private_rsa() -> dict[str, Any]:
    """A JWK that should never have left its owner."""
    return RSAAlgorithm.to_jwk(rsa_key(), as_dict=True) | {"kid": "private"}


def keys_of(*keys: Any) -> dict[str, Any]:
    """An entry with these keys."""
    return entry(jwks={"keys": list(keys)})


WRONG: dict[str, tuple[Any, str]] = {
    "a private key": (keys_of(private_rsa()), "private key"),
    "a shared secret": (keys_of({"kty": "oct", "kid": "s", "k": "c2VjcmV0"}), "RSA or EC"),
    "a short RSA key": (
        keys_of(RSAAlgorithm.to_jwk(rsa_key(1024).public_key(), as_dict=True) | {"kid": "short"}),
        "2048 bits",
    ),
    "no key for the algorithms": (keys_of(public_rsa(alg="RS256")), "SECOND_READ_JWT_ALGORITHMS"),
    "a key for encryption alone": (keys_of(public_rsa(use="enc")), "no key fits"),
    "a kid twice": (keys_of(public_rsa(), public_rsa()), "used twice"),
    "no kid": (keys_of(public_rsa(kid="")), "kid"),
    "a broken key": (keys_of({"kty": "EC", "crv": "P-384", "kid": "b", "x": "AA", "y": "AA"}), "not a usable key"),
    "an empty key set": (entry(jwks={"keys": []}), "JWK Set"),
    "no key set": (entry(jwks=...), "jwks and jwks_file"),
    "no issuer": (entry(iss=...), "iss"),
    "a misspelt key": (entry(tennant="x"), "tennant"),
    "no table": ("x", "table"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_clients_file_stops_the_start(case: str, load: Load) -> None:
    """A clients file that cannot mean what it says is refused with the place and the reason."""
    listed, words = WRONG[case]
    with pytest.raises(SettingsError, match=words) as refusal:
        load(listed)
    assert "clients.json" in str(refusal.value)


def test_an_issuer_twice_stops_the_start(load: Load) -> None:
    """One issuer, one entry."""
    with pytest.raises(SettingsError, match="twice"):
        load(entry(), entry())


def test_keys_may_stand_in_a_file_beside(tmp_path: Path) -> None:
    """A TOML clients file names a JWK Set relative to itself."""
    (tmp_path / "ehr.jwks.json").write_text(json.dumps({"keys": [public_ec()]}))
    path = tmp_path / "clients.toml"
    path.write_text(f'[[clients]]\niss = "{ISS}"\njwks_file = "ehr.jwks.json"\ntenant = "north"\n')
    keys = load_trust(Settings(clients_file=path, public_urls=(BASE,)))
    assert enter(keys, "Bearer " + token("ES384")) == AuthenticatedClient(ISS, "north")


@pytest.mark.parametrize("missing", ["clients_file", "public_urls"])
def test_no_start_without_keys(missing: str, tmp_path: Path) -> None:
    """With `auth = jwt` the service does not start until it knows whom to let in and under which URL."""
    given = {"clients_file": tmp_path / "clients.json", "public_urls": (BASE,)}
    given[missing] = None if missing == "clients_file" else ()
    with pytest.raises(SettingsError, match=missing.upper()):
        load_trust(Settings(**given))


def test_verification_is_quick(load: Load) -> None:
    """Keys are parsed once at the start: an RS384 token costs well under a millisecond."""
    keys, sent = load(), {"HTTP_AUTHORIZATION": "Bearer " + token()}
    quickest = min(timed(lambda: authenticate(sent, PATH, keys, NOW, lambda *_: True)) for _ in range(50))
    assert quickest < 0.001


def timed(action: Callable[[], object]) -> float:
    """Seconds that one run takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started

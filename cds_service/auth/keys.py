"""Public keys as JWKs (RFC 7517): how to verify with each, by the algorithms that are allowed and that it fits."""

from collections.abc import Callable, Mapping
from typing import Any

import jwt
from jwt.algorithms import get_default_algorithms

Verify = Callable[[bytes, bytes], bool]  # (signed input, signature)
FindKey = Callable[[str, str], Verify | None]  # (kid, algorithm)

_SMALLEST_RSA_KEY = 2048
_CURVES = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}


def key_set(document: Any, algorithms: tuple[str, ...]) -> Mapping[tuple[str, str], Verify]:
    """How to verify, by (kid, algorithm), with a JWK Set that was written down; `ValueError` says what is wrong."""
    keys: dict[tuple[str, str], Verify] = {}
    for number, key in enumerate(listed(document)):
        try:
            found = verifiers(key, algorithms)
        except ValueError as error:
            raise ValueError(f".keys[{number}]{error}") from None
        for name, verify in found.items():
            if (key["kid"], name) in keys:
                raise ValueError(f".keys[{number}].kid: is used twice")
            keys[key["kid"], name] = verify
    if not keys:
        raise ValueError(f": no key fits the algorithms {', '.join(algorithms)} (SECOND_READ_JWT_ALGORITHMS)")
    return keys


def listed(document: Any) -> list[Any]:
    """The keys of a JWK Set; `ValueError` when it is none."""
    found = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(found, list) or not found:
        raise ValueError(": a JWK Set with `keys` is expected (RFC 7517)")
    return found


def verifiers(key: Any, algorithms: tuple[str, ...]) -> dict[str, Verify]:
    """How to verify with one JWK, by each allowed algorithm that it fits; `ValueError` when it is not usable."""
    if not isinstance(key, dict) or not isinstance(key.get("kid"), str) or not key["kid"]:
        raise ValueError(".kid: is expected")
    if key.get("kty") not in ("RSA", "EC"):
        raise ValueError(".kty: RSA or EC is expected; a shared secret proves nothing")
    if "d" in key:
        raise ValueError(": this is a private key; only the public one belongs here")
    if key.get("use", "sig") != "sig":
        return {}
    fitting = [
        name
        for name in algorithms
        if key.get("alg", name) == name
        and (name[:2] in ("RS", "PS") if key["kty"] == "RSA" else name == _CURVES.get(key.get("crv", "")))
    ]
    found: dict[str, Verify] = {}
    for name in fitting:
        algorithm = get_default_algorithms()[name]
        try:
            public: Any = algorithm.from_jwk(key)
        except (jwt.InvalidKeyError, ValueError, TypeError) as error:
            raise ValueError(f": not a usable key: {error}") from None
        if key["kty"] == "RSA" and public.key_size < _SMALLEST_RSA_KEY:
            raise ValueError(f": an RSA key of at least {_SMALLEST_RSA_KEY} bits is expected")
        found[name] = _verifier(algorithm, public)
    return found


def _verifier(algorithm: Any, public: Any) -> Verify:
    return lambda signed, signature: bool(algorithm.verify(signed, public, signature))

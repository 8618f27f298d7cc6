"""A caller with a key of its own: its entry in the clients file, and the tokens it signs."""

import json
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import get_default_algorithms


@dataclass(frozen=True, slots=True)
class Issuer:
    """One EHR: its name, and the key it signs with."""

    iss: str
    algorithm: str
    kid: str
    key: Any

    def entry(self) -> dict[str, Any]:
        """What the service is told of this caller: the public key alone."""
        algorithm = get_default_algorithms()[self.algorithm]
        public = algorithm.to_jwk(self.key.public_key(), as_dict=True)  # type: ignore[attr-defined]  # RSA and EC have it
        return {"iss": self.iss, "jwks": {"keys": [public | {"kid": self.kid, "alg": self.algorithm, "use": "sig"}]}}

    def token(self, audience: str, seconds: float = 300, **claims: Any) -> str:
        """A fresh JWT for that URL."""
        now = int(time.time())
        payload = {"iss": self.iss, "aud": audience, "iat": now, "exp": now + int(seconds), "jti": str(uuid.uuid4())}
        headers = {"kid": self.kid, "typ": "JWT"}
        return jwt.encode(payload | claims, self.key, algorithm=self.algorithm, headers=headers)


def issuer(algorithm: str) -> Issuer:
    """A new caller that signs with RS384 or ES384."""
    key: Any = (
        ec.generate_private_key(ec.SECP384R1()) if algorithm == "ES384" else rsa.generate_private_key(65537, 2048)
    )
    return Issuer(f"https://ehr-{algorithm.lower()}.example.org", algorithm, f"key-{algorithm.lower()}", key)


def clients_file(folder: Path, issuers: Iterable[Issuer]) -> Path:
    """The service's list of callers, with these on it."""
    path = folder / "clients.json"
    path.write_text(json.dumps({"clients": [each.entry() for each in issuers]}))
    return path

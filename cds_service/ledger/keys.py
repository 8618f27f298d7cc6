"""The site's keys: keyed hashes of identifiers, sealed columns, signed checkpoints.

Hashes are HMAC-SHA256 (RFC 2104) cut to 128 bits: without the key an identifier cannot be tried against the database,
and two different ones collide about once in 2**64 rows. Columns are sealed with AES-256-GCM, checkpoints signed with
Ed25519, each with a key of its own derived from the site's (HKDF, RFC 5869).

Keys are rotated by putting a new one first: it hashes and seals from then on, and those behind it still find and open
what was written under them, until nothing of theirs is left.
"""

import base64
import hmac
import os
import secrets
from functools import cached_property, lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cds_service.errors import SettingsError

HEX_DIGITS = 32  # 128 of the 256 bits
SHORTEST_KEY = 32
NONCE_BYTES = 12
MOST_KEYS = 5


def keyed_hash(key: bytes, kind: str, *parts: str) -> str:
    """One keyed hash of `parts`; `kind` keeps a patient and an order of the same id apart."""
    keyed = _keyed(key).copy()
    keyed.update("\0".join((kind, *parts)).encode())
    return keyed.hexdigest()[:HEX_DIGITS]


@lru_cache(maxsize=8)
def _keyed(key: bytes) -> hmac.HMAC:
    """HMAC with the key already taken in: copying it costs half of starting anew."""
    return hmac.new(key, digestmod="sha256")


class _SiteKey:
    """One key of the site, with what is derived from it at first use."""

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.fingerprint = keyed_hash(key, "about")

    @cached_property
    def cipher(self) -> AESGCM:
        return AESGCM(self._derived(b"columns"))

    @cached_property
    def signer(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self._derived(b"checkpoints"))

    @cached_property
    def public(self) -> str:
        return self.signer.public_key().public_bytes_raw().hex()

    def _derived(self, purpose: bytes) -> bytes:
        return HKDF(SHA256(), 32, salt=None, info=b"second-read ledger: " + purpose).derive(self.key)


class Keyring:
    """The site's keys, the current one first. None of them is ever printed."""

    def __init__(self, *keys: bytes) -> None:
        self._keys = tuple(_SiteKey(key) for key in keys)

    @property
    def current(self) -> bytes:
        """The key that hashes."""
        return self._keys[0].key

    @property
    def all(self) -> tuple[bytes, ...]:
        """Every key under which something may have been hashed."""
        return tuple(each.key for each in self._keys)

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """Which keys these are, without telling them."""
        return tuple(each.fingerprint for each in self._keys)

    def seal(self, text: str | None, column: str) -> str | None:
        """`text` encrypted for one column; nothing stays nothing. What is sealed for one column opens in no other."""
        if not text:
            return None
        first = self._keys[0]
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = first.cipher.encrypt(nonce, text.encode(), column.encode())
        return f"{first.fingerprint[:8]}:{base64.b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str | None, column: str) -> str | None:
        """What `seal` was given; raises `SettingsError` where none of the keys opens it."""
        if not sealed:
            return None
        name, _, body = sealed.partition(":")
        raw = base64.b64decode(body)
        for each in self._keys:
            if each.fingerprint.startswith(name):
                try:
                    return each.cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], column.encode()).decode()
                except InvalidTag:
                    continue
        raise SettingsError(f"ledger key: none of the keys opens this value of {column}; the key {name}… is wanted")

    def sign(self, stated: bytes) -> str:
        """The signature of the current key, in hexadecimal digits."""
        return self._keys[0].signer.sign(stated).hex()

    @property
    def public(self) -> str:
        """The public key of `sign`, in hexadecimal digits."""
        return self._keys[0].public

    def signed(self, stated: bytes, public: str, signature: str) -> bool:
        """Whether one of the site's keys signed this."""
        if public not in {each.public for each in self._keys}:
            return False
        try:
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(bytes.fromhex(signature), stated)
        except (InvalidSignature, ValueError):
            return False
        return True


def normal_reference(reference: str) -> str:
    """`Type/id` of a relative or absolute, versioned or unversioned FHIR reference; anything else as it stands.

    FHIR R4 references.html section 2.3.0.1: `http://server/fhir/Type/id/_history/2` names the resource `Type/id`.
    """
    plain = reference.strip()
    if "/" not in plain:
        return plain
    segments = plain.split("/_history/", 1)[0].rstrip("/").split("/")
    return "/".join(segments[-2:])


def normal_patient(patient_id: str) -> str:
    """The bare id, however the caller spells the patient."""
    return normal_reference(patient_id).removeprefix("Patient/")


def ledger_keys(setting: str | None, key_file: Path) -> Keyring:
    """The configured keys, or those in `key_file`, which is made (random, mode 0600) if it does not exist.

    Keys are separated by blanks or line ends, the current one first. Several processes may start at once: the file
    appears whole or not at all, and all of them read the same key. Raises `SettingsError`.
    """
    if setting:
        return _keyring(setting, "ledger key")
    try:
        if not key_file.exists():
            _make_key_file(key_file)
        if key_file.stat().st_mode & 0o007:
            raise SettingsError(f"ledger key file {key_file}: everybody may read it; mode 0600 is expected")
        text = key_file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"ledger key file {key_file}: {type(error).__name__}") from error
    return _keyring(text, f"ledger key file {key_file}")


def _keyring(text: str, where: str) -> Keyring:
    keys = text.split()
    if not keys or any(len(key) < SHORTEST_KEY for key in keys):
        raise SettingsError(f"{where}: at least {SHORTEST_KEY} characters are expected, without blanks")
    if len(keys) > MOST_KEYS:
        raise SettingsError(f"{where}: at most {MOST_KEYS} keys are expected; the oldest have nothing left to open")
    return Keyring(*(key.encode() for key in keys))


def new_key() -> str:
    """A random key, as it stands in a key file."""
    return secrets.token_hex(32)


def rotate_key_file(key_file: Path) -> str:
    """Put a new key first in `key_file`, and return its fingerprint; the file is replaced in one step."""
    keys = ledger_keys(None, key_file)
    made = new_key()
    text = "\n".join([made, *(key.decode() for key in keys.all)][:MOST_KEYS]) + "\n"
    os.replace(_written_aside(key_file, text), key_file)
    return Keyring(made.encode()).fingerprints[0]


def _make_key_file(key_file: Path) -> None:
    """Write aside and link into place: `link` fails where another process was first, and then its key holds."""
    key_file.parent.mkdir(parents=True, exist_ok=True)
    aside = _written_aside(key_file, new_key() + "\n")
    try:
        os.link(aside, key_file)
    except FileExistsError:
        return
    finally:
        aside.unlink()


def _written_aside(key_file: Path, text: str) -> Path:
    aside = key_file.with_name(f"{key_file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return aside

"""The site's key, and the keyed hashes that stand in the ledger for patients, orders, studies and calls.

HMAC-SHA256 (RFC 2104) cut to 128 bits: without the key an identifier cannot be tried against the database, and two
different ones collide about once in 2**64 rows.
"""

import hmac
import os
import secrets
from functools import lru_cache
from pathlib import Path

from cds_service.errors import SettingsError

HEX_DIGITS = 32  # 128 of the 256 bits
SHORTEST_KEY = 32


def keyed_hash(key: bytes, kind: str, *parts: str) -> str:
    """One keyed hash of `parts`; `kind` keeps a patient and an order of the same id apart."""
    keyed = _keyed(key).copy()
    keyed.update("\0".join((kind, *parts)).encode())
    return keyed.hexdigest()[:HEX_DIGITS]


@lru_cache(maxsize=8)
def _keyed(key: bytes) -> hmac.HMAC:
    """HMAC with the key already taken in: copying it costs half of starting anew."""
    return hmac.new(key, digestmod="sha256")


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


def ledger_key(setting_key: str | None, key_file: Path) -> bytes:
    """The configured key, or the one in `key_file`, which is made (random, mode 0600) if it does not exist.

    Several processes may start at once: the file appears whole or not at all, and all of them read the same key.
    """
    if setting_key:
        if len(setting_key) < SHORTEST_KEY:
            raise SettingsError(f"ledger key: at least {SHORTEST_KEY} characters are expected")
        return setting_key.encode()
    try:
        if not key_file.exists():
            _make_key_file(key_file)
        if key_file.stat().st_mode & 0o007:
            raise SettingsError(f"ledger key file {key_file}: everybody may read it; mode 0600 is expected")
        text = key_file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"ledger key file {key_file}: {type(error).__name__}") from error
    if len(text) < SHORTEST_KEY:
        raise SettingsError(f"ledger key file {key_file}: at least {SHORTEST_KEY} characters are expected")
    return text.encode()


def _make_key_file(key_file: Path) -> None:
    """Write aside and link into place: `link` fails where another process was first, and then its key holds."""
    key_file.parent.mkdir(parents=True, exist_ok=True)
    aside = key_file.with_name(f"{key_file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(aside, key_file)
        except FileExistsError:
            return
    finally:
        aside.unlink()

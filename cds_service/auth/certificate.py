"""Mutual TLS through a front proxy: the certificate that the proxy verified names the caller.

The proxy proves itself with a secret of its own, on every call, so that nobody who merely reaches this service can
claim a certificate. It passes the certificate in `Client-Cert`: as RFC 9440 says (`:base64 of the DER:`), or URL-
encoded PEM, which is what nginx's `$ssl_client_escaped_cert` holds. It must set both headers itself, so that those of
a caller are replaced; a header that came twice is no certificate.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from cds_service.errors import Unauthorized

PROXY_HEADER, CERTIFICATE_HEADER = "X-Second-Read-Proxy", "Client-Cert"
_LONGEST = 16_384


def certificate_names(environ: Mapping[str, Any], secret: bytes, now: datetime) -> tuple[str, ...]:
    """What the verified certificate of this call may be listed as: `sha256:<hex>`, and `dns:<name>` for each name.

    Raises `Unauthorized`.
    """
    claimed = environ.get("HTTP_X_SECOND_READ_PROXY", "").encode("latin-1", "replace")
    if not hmac.compare_digest(claimed, secret):
        raise Unauthorized("not from the configured proxy")
    sent = environ.get("HTTP_CLIENT_CERT", "")
    if not sent or len(sent) > _LONGEST:
        raise Unauthorized("no client certificate")
    try:
        names, starts, ends = _read(sent)
    except (ValueError, binascii.Error, x509.DuplicateExtension):
        raise Unauthorized("not a certificate") from None
    if not starts <= now <= ends:
        raise Unauthorized("the certificate is not valid now")
    return names


@lru_cache(maxsize=64)
def _read(sent: str) -> tuple[tuple[str, ...], datetime, datetime]:
    if sent.startswith(":") and sent.endswith(":"):
        certificate = x509.load_der_x509_certificate(base64.b64decode(sent[1:-1], validate=True))
    else:
        certificate = x509.load_pem_x509_certificate(unquote(sent).encode("ascii", "strict"))
    try:
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        dns = alternative.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        dns = []
    names = (f"sha256:{certificate.fingerprint(SHA256()).hex()}", *(f"dns:{name.lower()}" for name in dns))
    return names, certificate.not_valid_before_utc, certificate.not_valid_after_utc

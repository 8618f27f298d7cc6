"""Who calls: a signed JWT or a client certificate becomes an `AuthenticatedClient`, made here and nowhere else."""

from cds_service.auth.admission import (
    ANONYMOUS,
    Trust,
    authenticate,
    load_trust,
    operator_token,
    proves_operator,
    refuse_forwarded,
)
from cds_service.auth.replay import Remember, SeenTokens

__all__ = [
    "ANONYMOUS",
    "Remember",
    "SeenTokens",
    "Trust",
    "authenticate",
    "load_trust",
    "operator_token",
    "proves_operator",
    "refuse_forwarded",
]

"""HTTP as CDS Hooks 2.0.1 words it: discovery, order-sign, feedback, and errors as OperationOutcome."""

from cds_service.web.access import close_by_default, public
from cds_service.web.cors import allow_origins
from cds_service.web.direct import directly
from cds_service.web.errors import answer_errors
from cds_service.web.openapi import openapi
from cds_service.web.published import published_blueprint
from cds_service.web.rate import Buckets
from cds_service.web.request_ids import identified
from cds_service.web.routes import cds_hooks_blueprint, order_signer, paths_of

__all__ = [
    "Buckets",
    "allow_origins",
    "answer_errors",
    "cds_hooks_blueprint",
    "close_by_default",
    "directly",
    "identified",
    "openapi",
    "order_signer",
    "paths_of",
    "public",
    "published_blueprint",
]

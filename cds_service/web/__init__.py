"""HTTP as CDS Hooks 2.0.1 words it: discovery, order-sign, feedback, and errors as OperationOutcome."""

from cds_service.web.direct import directly
from cds_service.web.errors import answer_errors
from cds_service.web.published import published_blueprint
from cds_service.web.routes import cds_hooks_blueprint, order_signer, paths_of

__all__ = ["answer_errors", "cds_hooks_blueprint", "directly", "order_signer", "paths_of", "published_blueprint"]

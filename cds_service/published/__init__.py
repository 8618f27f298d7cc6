"""What others may read of the rules: as FHIR resources, and as one page a rule. No patient data, nothing decided."""

from cds_service.published.activity import activity_definitions
from cds_service.published.capability import capability_statement
from cds_service.published.plan import plan_definition
from cds_service.published.resources import Published, published
from cds_service.published.search import SUPPORTED, search

__all__ = [
    "SUPPORTED",
    "Published",
    "activity_definitions",
    "capability_statement",
    "plan_definition",
    "published",
    "search",
]

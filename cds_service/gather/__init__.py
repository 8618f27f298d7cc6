"""From a hook request to cases: triage, prefetch, FHIR reads within the deadline, order -> study -> report."""

from cds_service.gather.cases import cases
from cds_service.gather.deadline import Deadline
from cds_service.gather.dicomweb import Pacs
from cds_service.gather.fhir import FhirReader
from cds_service.gather.orders import Basket, orders
from cds_service.gather.unmatched import Missed, missed_orders

__all__ = ["Basket", "Deadline", "FhirReader", "Missed", "Pacs", "cases", "missed_orders", "orders"]

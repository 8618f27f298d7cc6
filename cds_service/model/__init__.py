"""The frozen types that pass between rooms, and their JSON round trip.

Nothing here knows FHIR's wire format, HTTP or a database. A tuple is never None; a scalar that we could not know is
None, and *why* we could not know it stands in `Case.gaps`. Identifiers are FHIR relative references (`Type/id`) unless
said otherwise. Sizes are millimetres, instants are timezone-aware.
"""

from cds_service.model.call import AuthenticatedClient, Card, Feedback, FhirAccess, HookRequest, Indicator
from cds_service.model.case import Case, Link, PastCard
from cds_service.model.decision import SLOTS, CardOffer, Check, Decision, Outcome, Speech, Subspecialty, Truth, Verdict
from cds_service.model.facts import (
    Coding,
    Concept,
    Condition,
    Member,
    Order,
    OrderKind,
    Patient,
    Procedure,
    Reader,
    Report,
    ReportKind,
    Source,
    StageObservation,
    Study,
)
from cds_service.model.reading import (
    SEVERITIES,
    Assertion,
    Conflict,
    Finding,
    Gap,
    Reading,
    ReportPart,
    Section,
    SectionKind,
    Severity,
    Side,
    StatedStage,
    Suspicion,
    Trend,
)
from cds_service.model.roundtrip import from_json, to_json

__all__ = [
    "SEVERITIES",
    "SLOTS",
    "Assertion",
    "AuthenticatedClient",
    "Card",
    "CardOffer",
    "Case",
    "Check",
    "Coding",
    "Concept",
    "Condition",
    "Conflict",
    "Decision",
    "Feedback",
    "FhirAccess",
    "Finding",
    "Gap",
    "HookRequest",
    "Indicator",
    "Link",
    "Member",
    "Order",
    "OrderKind",
    "Outcome",
    "PastCard",
    "Patient",
    "Procedure",
    "Reader",
    "Reading",
    "Report",
    "ReportKind",
    "ReportPart",
    "Section",
    "SectionKind",
    "Severity",
    "Side",
    "Source",
    "Speech",
    "StageObservation",
    "StatedStage",
    "Study",
    "Subspecialty",
    "Suspicion",
    "Trend",
    "Truth",
    "Verdict",
    "from_json",
    "to_json",
]

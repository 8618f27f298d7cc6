"""Who calls and what is sent: the envelope of a hook call, the card that answers it, the feedback that follows."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Indicator = Literal["info", "warning"]


@dataclass(frozen=True, slots=True)
class AuthenticatedClient:
    """A caller that `auth` let in; only it makes one. `id` is the JWT `iss`, or `anonymous` when auth is off."""

    id: str
    tenant: str | None = None
    profile: str = ""  # which cards/clients/<name>.yaml renders for it; "" is told by its issuer or its requests


@dataclass(frozen=True, slots=True)
class FhirAccess:
    """Where the EHR's FHIR server stands and the bearer token handed over; never stored, never logged."""

    base: str  # no trailing slash
    token: str | None = field(default=None, repr=False)
    scope: str = ""


@dataclass(frozen=True, slots=True)
class HookRequest:
    """One order-sign or order-select call with a valid envelope; `draft_orders` and `prefetch` hold raw FHIR JSON."""

    hook_instance: str
    user_id: str
    patient_id: str
    encounter_id: str | None
    draft_orders: tuple[dict[str, Any], ...]
    prefetch: dict[str, Any]
    fhir: FhirAccess | None = None
    selections: tuple[str, ...] | None = None  # of an order-select call: the orders just chosen, `Type/id`
    extensions: tuple[str, ...] = ()  # names of the request's own extensions: some tell what client it is


@dataclass(frozen=True, slots=True)
class Card:
    """A card as returned, with what the ledger must know of it. `wire` is the CDS Hooks JSON object."""

    uuid: str
    topic: str
    rules: tuple[str, ...]  # the strongest first
    indicator: Indicator
    order: str
    study: str | None
    suggestion: str | None  # uuid
    wire: dict[str, Any]
    passive: bool = False  # answered an order-select call: never the start of a cool-down


@dataclass(frozen=True, slots=True)
class Feedback:
    """What the user did with one card. `comment` is PHI: it goes to the ledger alone."""

    card: str
    outcome: Literal["accepted", "overridden"]
    at: datetime
    suggestions: tuple[str, ...] = ()
    reason_code: str | None = None
    reason_system: str | None = None
    comment: str | None = field(default=None, repr=False)
    effect: str = ""  # of the override reason: what the service does with it

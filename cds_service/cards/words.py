"""The small content a card is made of, as loaded: evidence, override reasons, and what each client can render."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from cds_service.cards.complete_study import CompleteStudies
from cds_service.model import Feedback
from cds_service.routing import Routing
from cds_service.site import Site


@dataclass(frozen=True, slots=True)
class Evidence:
    """One study that a card may cite: one counted figure with its setting and year, never a range."""

    id: str
    says: str
    fits: tuple[str, ...] = ()  # concerns, groups of operations, or regions of orders without a group; () fits all


@dataclass(frozen=True, slots=True)
class OverrideReason:
    """One reason offered for not following a card; `hl7` is its code in the HL7 non-adherence reason codes."""

    code: str
    display: str
    hl7: str
    effect: str = ""  # what the service does with it


def with_effect(item: Feedback, reasons: Mapping[str, OverrideReason]) -> Feedback:
    """The feedback with what its reason does. A reason of the client's own, or none, is quiet for the study."""
    if item.outcome != "overridden":
        return item
    known = reasons.get(item.reason_code or "")
    return replace(item, effect=(known and known.effect) or "quiet-for-study")


@dataclass(frozen=True, slots=True)
class Client:
    """What one EHR can render and accept (cards/clients/<name>.yaml)."""

    name: str
    selection_behavior: Literal["at-most-one", "any"] = "at-most-one"
    suggestions: bool = True
    override_reasons: bool = True
    detail_characters: int = 600
    detail_lines: int = 6
    line_characters: int = 0  # the longest line; 0: no limit
    order_code: Literal["standard", "site-key"] = "standard"
    links: Literal["absolute", "none"] = "absolute"
    associated_resource: bool = True
    issuers: tuple[str, ...] = ()  # host names of the `iss` by which the client is known
    extensions: tuple[str, ...] = ()  # beginnings of extension names in a request by which it is known


@dataclass(frozen=True, slots=True)
class Words:
    """Everything that wording needs besides the decision itself."""

    site: Site
    routing: Routing
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    override_reasons: Mapping[str, OverrideReason] = field(default_factory=dict)
    clients: Mapping[str, Client] = field(default_factory=dict)
    complete_studies: CompleteStudies = field(default_factory=CompleteStudies)

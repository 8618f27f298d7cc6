"""The frozen types of the rules room: what rules may refer to, a compiled rule, and the set of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, Literal, Protocol

from cds_service.model import Case, Check, Finding, Gap, Order, Speech, Study, Subspecialty, Truth


class Router(Protocol):
    """What deciding needs of `routing.Routing`."""

    def route(
        self, order: Order, study: Study | None, fixed: str | None, *, region: str | None = None, child: bool = False
    ) -> Subspecialty | None:
        """Who reads this study for this order."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One study of cards/evidence.yaml. `about` is re-read, surgical-opinion, guideline or background."""

    id: str
    claim: str
    figure: str
    population: str
    year: str
    citation: str
    card: str  # the one line that a card may show; "" where it may show none
    card_safe: bool
    about: str
    limits: str = ""
    fits: tuple[str, ...] = ()  # concerns and regions the item speaks of


@dataclass(frozen=True, slots=True)
class Names:
    """What rules may refer to; anything else is a mistake with a line and a column."""

    value_sets: Mapping[str, frozenset[str]]  # id -> its groups
    concepts: frozenset[str]
    subspecialties: frozenset[str]
    override_reasons: frozenset[str]
    evidence: frozenset[str] = frozenset()  # further ids, beside those of evidence.yaml next to the rules


@dataclass(slots=True)
class Facts:
    """One case as one rule sees it; `memo` is shared by all rules of the decision."""

    case: Case
    rule: "Rule"
    route: frozenset[str]  # subspecialty ids that are right for this study
    memo: dict[str, Any] = field(default_factory=dict)


Answer = tuple[Truth, str, Finding | None, Gap | None]
Question = Callable[[Facts], Answer]


@dataclass(frozen=True, slots=True)
class Criterion:
    """One named line of a rule, compiled. `kinds` are the typed kinds it is made of."""

    id: str
    says: str
    role: Literal["criterion", "exclusion", "warning"]
    ask: Question = field(repr=False)
    line: int = 0
    kinds: tuple[str, ...] = ()
    if_unknown: Literal["proceed", "withhold"] | None = None
    withhold_when: Question | None = field(default=None, repr=False)  # turns proceed into withhold where it is true
    early: bool = False  # request and prefetch can decide it
    of_rule: bool = True  # the answer depends on the rule as well as on the case
    unread: bool = False  # no reading of a report changes the answer
    written: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)  # its kinds, as in its file
    made: dict[str, Check] = field(default_factory=dict, repr=False, compare=False)

    def check(self, facts: Facts) -> Check:
        """The truth of this line on this case; an answer that holds nothing of the case is made once."""
        truth, because, finding, gap = self.ask(facts)
        if finding is None and gap is None and self.withhold_when is None:
            check = self.made.get(because)
            if check is None or check.truth is not truth:
                check = Check(self.id, self.says, truth, self.role, because, None, None, self.line, self.if_unknown)
                self.made[because] = check
            return check
        if_unknown = self.if_unknown
        if truth is Truth.UNKNOWN and self.withhold_when and self.withhold_when(facts)[0] is Truth.TRUE:
            if_unknown = "withhold"
        return Check(self.id, self.says, truth, self.role, because, finding, gap, self.line, if_unknown)


@dataclass(frozen=True, slots=True)
class InlineTest:
    """One inline test, spread out over `each`: what is changed of the base case, and what is to be decided."""

    name: str
    base: str
    changes: Mapping[str, Any]
    expect: Mapping[str, Any]
    line: int


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule file, compiled."""

    id: str
    title: str
    version: str
    status: Literal["draft", "silent", "active", "retired"]
    service: str
    concern: str
    rank: int
    irreversible: bool
    review_by: date
    window: timedelta | None  # how old the study may be (x5)
    route: str | None  # subspecialty id, or None: by organ
    by_lesion: bool  # by the region of a lesion outside the organ under treatment
    trigger: frozenset[tuple[str, str]]  # (value set, group) of the orders it is about
    needs_cancer: bool | None  # what the trigger asks of the code; None: either
    criteria: tuple[Criterion, ...]
    early: tuple[Criterion, ...]  # exclusions, global and own, that request and prefetch can decide
    late: tuple[Criterion, ...]
    warns_when: tuple[Criterion, ...]
    disagrees_when: tuple[Criterion, ...]
    explained_by: tuple[Criterion, ...]
    speech: Speech
    turnaround: timedelta = timedelta(hours=24)
    own: frozenset[str] = frozenset()  # ids of its own criteria and exclusions
    tests: tuple[InlineTest, ...] = ()
    file: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)  # owner, signed, rationale, changes, …

    @property
    def lines(self) -> tuple[Criterion, ...]:
        """Every line that may be asked."""
        warning = (*self.warns_when, *self.disagrees_when, *self.explained_by)
        return (*self.criteria, *self.early, *self.late, *warning)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Every rule, and which of them an order is any business of."""

    rules: tuple[Rule, ...]
    digest: str
    speech: Mapping[str, Speech]
    triggers: Mapping[tuple[str, str], tuple[Rule, ...]] = field(repr=False, default_factory=dict)
    warnings: tuple[Any, ...] = ()  # Problems of severity warning met while loading

    wants_raw: bool = False  # a rule asks of resources as they were received

    def relevant(self, order: Order) -> tuple[Rule, ...]:
        """The active and silent rules whose trigger the order's codes meet, strongest first."""
        found: dict[str, Rule] = {}
        for member in order.members:
            for rule in self.triggers.get((member.value_set, member.group), ()):
                if rule.needs_cancer is None or rule.needs_cancer is member.needs_cancer:
                    found[rule.id] = rule
        return tuple(found.values())

    def rule(self, id: str) -> Rule | None:
        """The rule of that id, whatever its status."""
        return next((rule for rule in self.rules if rule.id == id), None)

    def silenced(self) -> "RuleSet":
        """The same set with every active rule silent: how a new production installation starts (decision 15)."""
        quiet = tuple(replace(rule, status="silent") if rule.status == "active" else rule for rule in self.rules)
        return ruleset(quiet, self.digest, self.warnings)


def ruleset(rules: tuple[Rule, ...], digest: str, warnings: tuple[Any, ...] = ()) -> RuleSet:
    """The set with its lookup by trigger; drafts and retired rules are kept to be shown, never evaluated."""
    triggers: dict[tuple[str, str], tuple[Rule, ...]] = {}
    for rule in sorted(rules, key=lambda rule: (rule.rank, rule.id)):
        if rule.status in ("active", "silent"):
            for pair in rule.trigger:
                triggers[pair] = (*triggers.get(pair, ()), rule)
    raw = any("fhirpath" in line.kinds for rule in rules for line in rule.lines)
    return RuleSet(rules, digest, {rule.id: rule.speech for rule in rules}, triggers, warnings, raw)

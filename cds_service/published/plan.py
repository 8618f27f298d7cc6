"""One rule as a FHIR R4 PlanDefinition of the profile second-read-rule: event, condition, action on order-sign."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from cds_service.published.activity import activity_id
from cds_service.published.attributes import DEVELOPER, LABELS, source_attributes
from cds_service.rules.rule import Criterion, Evidence, Rule

CANONICAL = "http://second-read.org/fhir"
_STRUCTURE = f"{CANONICAL}/StructureDefinition/"
_CODES = "http://terminology.hl7.org/CodeSystem/"
_STATUS = {"draft": "draft", "silent": "active", "active": "active", "retired": "retired"}
_NAME = re.compile(r"[^A-Za-z0-9]+")
_DOI = re.compile(r"doi:\s*(10\.\S+)", re.I)

Fhir = dict[str, Any]


def plan_definition(rule: Rule, studies: Mapping[str, Evidence], publisher: str) -> Fhir:
    """The PlanDefinition as plain JSON. `silent` is active and experimental: it is decided, and shows nothing."""
    about = rule.about
    cited = [studies[id] for id in map(str, about.get("evidence") or ()) if id in studies]
    made: Fhir = {
        "resourceType": "PlanDefinition",
        "id": rule.id,
        "meta": {"profile": [f"{_STRUCTURE}second-read-rule"]},
        "extension": _extensions(rule, cited),
        "url": f"{CANONICAL}/PlanDefinition/{rule.id}",
        "version": rule.version,
        "name": computable_name(rule.id),
        "title": rule.title,
        "type": {"coding": [_coded("plan-definition-type", "eca-rule")]},
        "status": _STATUS[rule.status],
        "experimental": rule.status in ("draft", "silent"),
        "date": str(about.get("reviewed")),
        "publisher": publisher,
        "description": _description(rule),
        "purpose": str(about.get("rationale", rule.title)),
        "usage": "Evaluated at order-sign by the Second Read service; a decision support intervention that suggests"
        " and decides nothing. Expressions are criteria of the rule file, in YAML.",
        "lastReviewDate": str(about.get("reviewed")),
        "effectivePeriod": {"end": rule.review_by.isoformat()},
        "author": [{"name": DEVELOPER}],
    }
    if owner := about.get("owner"):
        made["contact"] = [{"name": str(owner["team"])}]
        made["editor"] = [{"name": str(owner["technical"])}]
        if owner.get("clinical") not in (None, "unassigned"):
            made["reviewer"] = [{"name": str(owner["clinical"])}]
    if cited:
        made["relatedArtifact"] = [_citation(study) for study in cited]
    made["action"] = [_action(rule)]
    return made


def computable_name(id: str) -> str:
    """`SpineFusion` of `spine-fusion` (FHIR R4 invariant pdf-0: a name begins with an upper-case letter)."""
    return "".join(part[:1].upper() + part[1:] for part in _NAME.split(id))


def _description(rule: Rule) -> str:
    met = " ".join(f"({n}) {line.says}" for n, line in enumerate(rule.criteria, 1))
    return f"{rule.title}. A card is suggested when a draft order is signed and all of this is true: {met}"


def _extensions(rule: Rule, cited: Iterable[Evidence]) -> list[Fhir]:
    attributes = source_attributes(rule, cited)
    return [
        *(
            _complex("source-attribute", {"name": {"valueCode": name}, "value": {"valueString": attributes[name]}})
            for name in LABELS
        ),
        _simple("sign-off", "valueString", str(rule.about.get("signed") or "not clinically approved")),
        *(
            _simple("known-false-positive", "valueString", str(words))
            for words in rule.about.get("known_false_positives") or ()
        ),
    ]


def _citation(study: Evidence) -> Fhir:
    told = {"claim": study.claim, "figure": study.figure, "population": study.population, "year": study.year}
    if study.limits:
        told["limits"] = study.limits
    made: Fhir = {
        "extension": [_complex("evidence-detail", {name: {"valueString": text} for name, text in told.items()})],
        "type": "citation",
        "label": study.id,
        "display": f"{study.claim}: {study.figure}",
        "citation": study.citation,
    }
    if doi := _DOI.search(study.citation):
        made["url"] = f"https://doi.org/{doi[1].rstrip('.,;')}"
    return made


def _action(rule: Rule) -> Fhir:
    said = rule.speech
    deciding = (
        ("warns-when", rule.warns_when),
        ("disagrees-when", rule.disagrees_when),
        ("explained-by", rule.explained_by),
    )
    indicator = [
        _complex(
            "indicator-condition",
            {"role": {"valueCode": role}, "expression": {"valueExpression": _expression(line)}},
        )
        for role, lines in deciding
        for line in lines
    ]
    exclusions = sorted((*rule.early, *rule.late), key=lambda line: line.id not in rule.own)
    return {
        **({"extension": indicator} if indicator else {}),
        "id": "suggest",
        "title": said.summary,
        "description": said.why,
        "textEquivalent": f"Question to the second reader: {said.question}",
        "priority": "routine",
        "trigger": [{"type": "named-event", "name": "order-sign"}],
        "condition": [
            *(_condition(line, "criterion") for line in rule.criteria),
            *(_condition(line, "exclusion") for line in exclusions),
        ],
        "type": {"coding": [_coded("action-type", "create")]},
        "groupingBehavior": "logical-group",
        "selectionBehavior": "at-most-one",
        "requiredBehavior": "could",
        "precheckBehavior": "no",
        "definitionCanonical": f"{CANONICAL}/ActivityDefinition/{activity_id(rule.route)}",
    }


def _condition(line: Criterion, role: str) -> Fhir:
    extensions = [_simple("condition-role", "valueCode", role)]
    if role == "exclusion":
        extensions.append(_simple("if-unknown", "valueCode", line.if_unknown or "proceed"))
    return {"extension": extensions, "kind": "applicability", "expression": _expression(line)}


def _expression(line: Criterion) -> Fhir:
    """The criterion as its file has it, with parameters filled in; JSON in one line is YAML (1.2) too."""
    return {
        "description": line.says,
        "name": computable_name(line.id),
        "language": "application/yaml",
        "expression": json.dumps(line.written, ensure_ascii=False, default=str),
    }


def _coded(system: str, code: str) -> Fhir:
    return {"system": _CODES + system, "code": code}


def _simple(name: str, kind: str, value: str) -> Fhir:
    return {"url": _STRUCTURE + name, kind: value}


def _complex(name: str, parts: Mapping[str, Fhir]) -> Fhir:
    return {"url": _STRUCTURE + name, "extension": [{"url": part, **value} for part, value in parts.items()]}

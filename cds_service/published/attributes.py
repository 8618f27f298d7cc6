"""The thirteen source attributes of an evidence-based decision support intervention (45 CFR 170.315(b)(11)(iv)(A)).

A rule may state any of them under `source_attributes`; what it does not state is derived from what it asks. A rule that
asks nothing about, say, race says so in words: "not used" is a statement, an empty field is none.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from cds_service.rules.rule import Evidence, Rule

LABELS: Mapping[str, str] = {
    "citation": "Bibliographic citation of the intervention",
    "developer": "Developer",
    "funding": "Funding source of the technical implementation",
    "dates": "Release and revision dates",
    "race": "Use of race",
    "ethnicity": "Use of ethnicity",
    "language": "Use of language",
    "sexual-orientation": "Use of sexual orientation",
    "gender-identity": "Use of gender identity",
    "sex": "Use of sex",
    "date-of-birth": "Use of date of birth",
    "social-determinants": "Use of social determinants of health data",
    "health-status": "Use of health status assessment data",
}
DEVELOPER = "The Second Read developers"
_ASKED_BY: Mapping[str, frozenset[str]] = {  # fields of criteria that would use such an attribute
    "race": frozenset({"race"}),
    "ethnicity": frozenset({"ethnicity"}),
    "language": frozenset({"language"}),
    "sexual-orientation": frozenset({"sexual_orientation"}),
    "gender-identity": frozenset({"gender_identity"}),
    "sex": frozenset({"sex", "gender"}),
    "date-of-birth": frozenset({"age", "birth_date", "min_age", "max_age_of_patient", "under_age"}),
    "social-determinants": frozenset({"social"}),
    "health-status": frozenset({"performance_status", "health_status"}),
}
_PATHS: Mapping[str, tuple[str, ...]] = {  # what a fhirpath criterion would have to name
    "race": ("us-core-race",),
    "ethnicity": ("us-core-ethnicity",),
    "language": ("Patient.communication", ".language"),
    "sexual-orientation": ("sexual-orientation", "76690-7"),
    "gender-identity": ("genderIdentity", "gender-identity"),
    "sex": ("gender", "birthsex", "sex"),
    "date-of-birth": ("birthDate", ".age"),
    "social-determinants": ("sdoh",),
    "health-status": ("functional-status", "performance"),
}


def source_attributes(rule: Rule, cited: Iterable[Evidence]) -> dict[str, str]:
    """Each of the thirteen in words, in the order of the regulation."""
    stated = {str(name).replace("_", "-"): value for name, value in _stated(rule).items()}
    about, lines = rule.about, tuple(_lines(rule))
    studies = "; ".join(study.citation for study in cited)
    owner = about.get("owner") or {}
    derived = {
        "citation": studies or "None: no study of this question is cited.",
        "developer": f"{DEVELOPER}; kept by {owner.get('team')} (technical: {owner.get('technical')}).",
        "funding": "None stated: the source code is public, under the Apache License 2.0.",
        "dates": f"Version {rule.version}; reviewed {about.get('reviewed')}, next review by {rule.review_by}.",
    }
    for name in LABELS:
        if name not in derived:
            using = [says for says, written in lines if _asks(name, written)]
            derived[name] = "Used: " + " ".join(using) if using else "Not used."
    return {name: str(stated.get(name) or derived[name]) for name in LABELS}


def _stated(rule: Rule) -> Mapping[str, Any]:
    given = rule.about.get("source_attributes")
    return given if isinstance(given, Mapping) else {}


def _lines(rule: Rule) -> Iterable[tuple[str, Any]]:
    groups = (rule.criteria, rule.early, rule.late, rule.warns_when, rule.disagrees_when, rule.explained_by)
    return ((line.says, line.written) for group in groups for line in group)


def _asks(name: str, written: Any) -> bool:
    """Whether what a criterion says names the attribute, at any depth."""
    if isinstance(written, Mapping):
        return any(
            (key in _ASKED_BY[name] and not (key == "age" and "study" in written))
            or (key == "fhirpath" and any(word in str(value) for word in _PATHS[name]))
            or _asks(name, value)
            for key, value in written.items()
        )
    return isinstance(written, list) and any(_asks(name, item) for item in written)

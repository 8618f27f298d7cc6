"""Why a rule spoke or did not: every line with its truth, what decided it, its quote and its place in the file."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from cds_service.cards import not_offered
from cds_service.content import Content
from cds_service.model import Case, Check, Decision, Order, Outcome, Report, Study, Truth, Verdict
from cds_service.rules.deciding import every_check, judge_rule
from cds_service.rules.rule import Rule

WORDS = {Truth.TRUE: "met", Truth.FALSE: "not met", Truth.UNKNOWN: "unknown"}
_SYSTEMS = {
    "http://snomed.info/sct": "SNOMED CT", "http://www.nlm.nih.gov/research/umls/rxnorm": "RxNorm",
    "http://www.cms.gov/Medicare/Coding/ICD10": "ICD-10-PCS", "http://hl7.org/fhir/sid/icd-10-cm": "ICD-10-CM",
    "http://www.ama-assn.org/go/cpt": "CPT", "http://loinc.org": "LOINC",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Explanation:
    """One rule on one case. `reached` is False where the order's codes do not wake the rule."""

    rule: Rule
    verdict: Verdict
    checks: tuple[Check, ...]
    reached: bool
    notes: tuple[str, ...]  # what keeps a card away although the rule is indicated, and the like


def explain(case: Case, content: Content, only: str | None = None) -> tuple[Explanation, ...]:
    """Every rule that the order wakes, strongest first; or the rule `only`, woken or not."""
    woken = content.rules.relevant(case.order)
    named = content.rules.rule(only) if only else None
    rules = (named,) if named else woken if only is None else ()
    return tuple(_explained(rule, case, content, rule.id in {other.id for other in woken}) for rule in rules)


def _explained(rule: Rule, case: Case, content: Content, woken: bool) -> Explanation:
    verdict = judge_rule(rule, case, content.routing)
    if not woken and rule.status not in ("draft", "retired"):
        verdict = Verdict(rule.id, rule.version, Outcome.NOT_INDICATED, rule.criteria[0].id, status=verdict.status)
    return Explanation(
        rule, verdict, every_check(rule, case, content.routing), woken, _notes(rule, verdict, case, content)
    )


def _notes(rule: Rule, verdict: Verdict, case: Case, content: Content) -> tuple[str, ...]:
    notes = []
    if rule.status in ("draft", "retired"):
        notes.append(f"the rule is {rule.status}: a running service does not decide it")
    elif verdict.silent_because == "rule-file":
        notes.append("the rule is silent: it is decided and logged, and shows no card")
    elif verdict.silent_because == "review-overdue":
        notes.append(f"the review was due on {rule.review_by}: until it is done the rule is silent")
    elif verdict.status == "silent":
        notes.append(f"silent here ({verdict.silent_because}): it is decided and logged, and shows no card")
    if verdict.arm:
        notes.append(f"arm {verdict.arm}")
    if verdict.outcome is Outcome.INDICATED:
        told = Decision(case, (replace(verdict, status="active"),), content.rules.digest)
        for subspecialty in not_offered((told,), content.rules.speech, content.words):
            notes.append(f"the site offers no second read by {subspecialty}: no card")
    return tuple(notes)


def order_lines(order: Order) -> list[str]:
    """What is being signed, and by which code, map or word it was recognised."""
    lines = [f"{order.reference}  {order.concept.words}  ({order.status}, {order.priority or 'routine'})"]
    place = " ".join(filter(None, (order.region, " ".join(order.levels), order.side)))
    if place:
        lines.append(f"planned at: {place}")
    for member in order.members:
        group = f"/{member.group}" if member.group else ""
        system = _SYSTEMS.get(member.system, member.system)
        below = f", below {member.ancestor}," if member.ancestor else ""
        lines.append(f"recognised by {member.matched_by}: {member.code} ({system}){below} in {member.value_set}{group}")
    return lines or ["recognised by nothing"]


def study_line(study: Study | None, case: Case) -> str:
    """The study that the order rests on, and how the two were linked."""
    if study is None:
        return "none found"
    days = f", {(case.as_of.date() - study.started.date()).days} days old" if study.started else ", date not stated"
    shown = f"{'/'.join(study.modalities) or 'modality not stated'} {'/'.join(study.segments or study.regions)}".strip()
    rung = case.link.rung if case.link else ""
    return f"{study.reference}  {shown}{days}; linked by {rung or 'nothing'}"


def report_line(report: Report | None, case: Case) -> str:
    """The report on that study, how it was linked, and who read it."""
    if report is None:
        return "none found"
    rung = case.link.report_rung if case.link else ""
    reader = ", ".join(report.reader.specialties) if report.reader.known else "subspecialty not known"
    return f"{report.reference}  {report.status}; linked by {rung or 'nothing'}; first reader: {reader}"


def explanation_json(case: Case, found: tuple[Explanation, ...], digest: str) -> dict[str, Any]:
    """The same for machines."""
    return {
        "order": {"reference": case.order.reference, "words": case.order.concept.words, "members": [
            {"code": m.code, "system": m.system, "value_set": m.value_set, "group": m.group, "matched_by": m.matched_by,
             "ancestor": m.ancestor}
            for m in case.order.members]},
        "study": case.study.reference if case.study else None,
        "report": case.report.reference if case.report else None,
        "link": {"study": case.link.rung, "report": case.link.report_rung} if case.link else None,
        "as_of": case.as_of.isoformat(), "ruleset": digest,
        "gaps": [{"what": gap.what, "why": gap.why} for gap in case.gaps],
        "rules": [{
            "rule": one.rule.id, "version": one.rule.version, "status": one.rule.status, "file": one.rule.file,
            "reached": one.reached, "outcome": one.verdict.outcome.value, "because": one.verdict.because,
            "indicator": one.verdict.indicator, "silent_because": one.verdict.silent_because, "arm": one.verdict.arm,
            "notes": list(one.notes),
            "checks": [_check_json(check) for check in shown_checks(one)],
        } for one in found],
    }  # fmt: skip


def _check_json(check: Check) -> dict[str, Any]:
    return {"id": check.id, "role": check.role, "says": check.says, "truth": check.truth.value,
            "because": check.because, "line": check.line, "if_unknown": check.if_unknown,
            "gap": {"what": check.gap.what, "why": check.gap.why} if check.gap else None,
            "quote": check.finding.quote if check.finding else None,
            "section": check.finding.section if check.finding else None}  # fmt: skip


def shown_checks(one: Explanation) -> tuple[Check, ...]:
    """Every line's check, and the conditions of a warning that no file names."""
    known = {(check.role, check.id) for check in one.checks}
    return (*one.checks, *(c for c in one.verdict.checks if (c.role, c.id) not in known))


def moment(text: str | None) -> datetime | None:
    """A day or an instant as given on the command line; UTC where nothing else is said."""
    if text is None:
        return None
    from datetime import UTC

    found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return found if found.tzinfo else found.replace(tzinfo=UTC)

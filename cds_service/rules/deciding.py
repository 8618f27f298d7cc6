"""Every relevant rule on one case: three-valued, pure, and each rule alone when it breaks (design section 3).

Early exclusions end the case. Then a criterion false beats a criterion unknown, unknown beats the other exclusions, and
an exclusion that is unknown withholds the card only where its file says so.
"""

from datetime import timedelta
from typing import Literal

import structlog

from cds_service.model import Case, Check, Decision, Indicator, Outcome, Truth, Verdict
from cds_service.rules.rule import Criterion, Facts, Router, Rule, RuleSet
from cds_service.rules.severity import incidental

TRUE, FALSE, UNKNOWN = Truth.TRUE, Truth.FALSE, Truth.UNKNOWN
SOON = timedelta(hours=72)  # decision 2: a start known to be nearer than this forbids a warning
_IMAGING = frozenset({"study", "imaged", "report", "window", "images", "second_read"})
_log = structlog.get_logger("rules")
_Memo = dict[str, object]
Known = dict[tuple[str, str], Check]  # (rule, or "" where all rules share it; line) -> a check no reading changes


def settle(case: Case, ruleset: RuleSet, routing: Router, known: Known | None = None) -> Decision | None:
    """The decision, when request and prefetch alone rule out every relevant rule; else None.

    Nothing is read for it: no report is parsed and no FHIR read is made. `known` takes up the checks made, so that
    `decide` on the same case need not make them again.
    """
    verdicts = []
    known = {} if known is None else known
    memo: _Memo = {}
    for rule in _awake(ruleset.relevant(case.order), case):
        verdict = _guarded(rule, case, routing, known, memo, early_only=True)
        if verdict is None:
            return None
        verdicts.append(verdict)
    return Decision(case, tuple(verdicts), ruleset.digest)


def decide(case: Case, ruleset: RuleSet, routing: Router, known: Known | None = None) -> Decision:
    """Every relevant rule's verdict on a case whose report has been read. `known`: checks of this case made before."""
    known = {} if known is None else known
    memo: _Memo = {}
    woken = _awake(ruleset.relevant(case.order), case)
    verdicts = (_guarded(rule, case, routing, known, memo) for rule in woken)
    return Decision(case, tuple(v for v in verdicts if v is not None), ruleset.digest)


def every_check(rule: Rule, case: Case, routing: Router) -> tuple[Check, ...]:
    """The truth of every line of one rule on a read case, whatever decides it: what an explanation shows.

    In the order of the file's parts: criteria, exclusions, warning conditions, then what explains the operation. A line
    that raises is unknown, because of the exception's type.
    """
    facts = facts_of(rule, case, routing)
    lines = (*rule.criteria, *rule.early, *rule.late, *rule.warns_when, *rule.disagrees_when, *rule.explained_by)
    checks: dict[tuple[str, str], Check] = {}
    for line in lines:
        try:
            check = line.check(facts)
        except Exception as error:  # noqa: BLE001  an explanation shows what broke, beside all that did not
            check = Check(line.id, line.says, UNKNOWN, line.role, f"failed: {type(error).__name__}", line=line.line)
        checks.setdefault((line.role, line.id), check)
    return tuple(checks.values())


def facts_of(rule: Rule, case: Case, routing: Router) -> Facts:
    """One read case as one rule sees it."""
    return Facts(case, rule, _route(rule, case, routing, _lesion_region(case) if rule.by_lesion else None))


def judge_rule(rule: Rule, case: Case, routing: Router) -> Verdict:
    """The verdict of one rule on a read case, whether or not the order wakes it."""
    verdict = _guarded(rule, case, routing, {}, {})
    assert verdict is not None  # noqa: S101  only settling may leave a rule open
    return verdict


def _route(rule: Rule, case: Case, routing: Router, region: str | None) -> frozenset[str]:
    if rule.by_lesion and region is None:  # before the report is read, or without such a lesion: nobody
        return frozenset()
    child = case.patient.is_child(case.as_of.date())
    to = routing.route(case.order, case.study, rule.route, region=region, child=child)
    return frozenset((to.id, *to.or_)) if to is not None else frozenset()


def _guarded(
    rule: Rule, case: Case, routing: Router, known: Known, memo: _Memo, early_only: bool = False
) -> Verdict | None:
    """One rule; one that raises costs nobody else's verdict, and leaves its name and the exception's type alone."""
    try:
        region = _lesion_region(case) if rule.by_lesion else None
        key = f"route {rule.route} {region} {rule.by_lesion}"
        if key not in memo:
            memo[key] = _route(rule, case, routing, region)
        facts = Facts(case, rule, memo[key], memo)  # type: ignore[arg-type]  # the line above put it there
        return _settled(facts, known) if early_only else _judged(facts, known)
    except Exception as error:  # noqa: BLE001  whatever a rule does, the others are still to speak
        if early_only:
            return None
        _log.error("rule failed", rule=rule.id, error=type(error).__name__)
        status, why, arm = _status(rule, case)
        return Verdict(
            rule.id, rule.version, Outcome.ERROR, type(error).__name__, status=status, silent_because=why, arm=arm
        )


def _lesion_region(case: Case) -> str | None:
    """Where the lesion outside the organ under treatment lies, once the report has been read."""
    reading = case.report.reading if case.report is not None else None
    item = incidental(case.order, reading) if reading is not None else None
    return item.regions[0] if item is not None else None


def _judged(facts: Facts, known: Known) -> Verdict:
    rule = facts.rule
    checks: list[Check] = []
    if met := _first_met(rule.early, facts, known, checks):
        return _verdict(facts, Outcome.EXCLUDED, met.id, checks)
    open_check: Check | None = None
    for line in rule.criteria:
        check = _check(line, facts, known)
        checks.append(check)
        if check.truth is FALSE:
            return _verdict(facts, Outcome.NOT_INDICATED, check.id, checks)
        if check.truth is UNKNOWN and open_check is None:
            open_check = check
    if open_check is not None:
        return _verdict(facts, Outcome.UNDETERMINED, open_check.id, checks)
    if met := _first_met(rule.late, facts, known, checks):
        return _verdict(facts, Outcome.EXCLUDED, met.id, checks)
    withheld = next((c for c in checks if c.truth is UNKNOWN and c.if_unknown == "withhold"), None)
    if withheld is not None:
        return _verdict(facts, Outcome.UNDETERMINED, withheld.id, checks)
    warnings = _warnings(facts)
    warning = bool(warnings) and all(check.truth is TRUE for check in warnings)
    indicator: Indicator = "warning" if warning else "info"
    return _verdict(facts, Outcome.INDICATED, rule.criteria[-1].id, [*checks, *warnings], indicator)


def _first_met(lines: tuple[Criterion, ...], facts: Facts, known: Known, checks: list[Check]) -> Check | None:
    """The first of these exclusions that is met, or None; every check made joins `checks`."""
    for line in lines:
        check = _check(line, facts, known)
        checks.append(check)
        if check.truth is TRUE:
            return check
    return None


def _settled(facts: Facts, known: Known) -> Verdict | None:
    """The verdict that no report and no read can change, or None."""
    rule, case = facts.rule, facts.case
    checks: list[Check] = []
    if met := _first_met(rule.early, facts, known, checks):
        return _verdict(facts, Outcome.EXCLUDED, met.id, checks)
    imaging_open = case.missing("imagingStudies") or case.missing("diagnosticReports")
    for line in rule.criteria:
        if line.unread and not (imaging_open and _IMAGING.intersection(line.kinds)):
            check = _check(line, facts, known)
            checks.append(check)
            if check.truth is FALSE:
                return _verdict(facts, Outcome.NOT_INDICATED, check.id, checks)
    return None


def _check(line: Criterion, facts: Facts, known: Known) -> Check:
    """A line's truth. One that no reading changes is asked once; once for all rules, where it is the same for all."""
    if not line.unread:
        return line.check(facts)
    key = (facts.rule.id if line.of_rule else "", line.id)
    check = known.get(key)
    if check is None:
        check = known[key] = line.check(facts)
    return check


def _warnings(facts: Facts) -> list[Check]:
    """Decision 2, one check for each condition of a warning; empty where the rule can never warn."""
    rule, case = facts.rule, facts.case
    if not rule.irreversible or not rule.warns_when:
        return []
    checks = [line.check(facts) for line in rule.warns_when]
    report, start = case.report, case.order.start
    right = report is not None and report.reader.known and bool(facts.route & set(report.reader.specialties))
    checks.append(_READER[not right])
    checks.append(_PRIORITY[case.order.priority in (None, "", "routine")])
    checks.append(_START[start is None or start - case.as_of >= SOON])
    for line in rule.explained_by:
        check = line.check(facts)
        if check.truth is TRUE:
            checks.append(Check("unexplained", f"Nothing else explains the operation. ({line.says})", FALSE, "warning",
                                line.id, check.finding, line=line.line))  # fmt: skip
            return checks
    checks.append(_UNEXPLAINED)
    return checks


def _condition(id: str, says: str) -> tuple[Check, Check]:
    """The check as false and as true."""
    return Check(id, says, FALSE, "warning"), Check(id, says, TRUE, "warning")


_READER = _condition("reader-not-right", "The first reader is not known to be of the right subspecialty.")
_PRIORITY = _condition("priority-routine", "The order is routine.")
_START = _condition("start-not-soon", "No start within 72 hours is known.")
_UNEXPLAINED = _condition("unexplained", "Nothing else explains the operation.")[True]


def _verdict(
    facts: Facts, outcome: Outcome, because: str, checks: list[Check], indicator: Indicator = "info"
) -> Verdict:
    rule = facts.rule
    region = _lesion_region(facts.case) if rule.by_lesion and outcome is Outcome.INDICATED else None
    status, why, arm = _status(rule, facts.case)
    return Verdict(rule.id, rule.version, outcome, because, tuple(checks), indicator, status, region, why, arm)


def _awake(rules: tuple[Rule, ...], case: Case) -> tuple[Rule, ...]:
    """Without the rules that the site calls a draft or retired here: they are not decided at all."""
    if not case.standings:
        return rules
    return tuple(rule for rule in rules if _of_site(rule, case) not in ("draft", "retired"))


def _of_site(rule: Rule, case: Case) -> str | None:
    """The site's own word on a rule here; what is told most narrowly stands last."""
    told = [each.status for each in case.standings if each.because == "site-status" and each.of(rule.id)]
    return told[-1] if told else None


def _status(rule: Rule, case: Case) -> tuple[Literal["silent", "active"], str, str]:
    """The status, why it is silent, and the arm of an experiment.

    What is operational (a switch, a budget, an opt-out, an arm) goes before what is written. Then the site's word for
    this call goes before the rule's file; a rule whose review is overdue is silent in either case (decision 12).
    """
    mine = [each for each in case.standings if each.of(rule.id) and each.because != "site-status"]
    arm = next((each.arm for each in mine if each.arm), "")
    if silenced := next((each for each in mine if each.status == "silent"), None):
        return "silent", silenced.because, arm
    if rule.review_by < case.as_of.date():
        return "silent", "review-overdue" if rule.status == "active" else "rule-file", arm
    site = _of_site(rule, case) if case.standings else None
    if site == "silent":
        return "silent", "site-status", arm
    return ("active", "", arm) if "active" in (site, rule.status) else ("silent", "rule-file", arm)

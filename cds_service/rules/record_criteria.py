"""Criteria about the record: conditions, procedures, stages, other reports, and second reads."""

from typing import Any

from cds_service.model import Case, Member, Order, Report, Truth
from cds_service.rules.facts import SUSPECTED, absent, holds, is_active, no, yes
from cds_service.rules.order_criteria import word_pattern
from cds_service.rules.rule import Answer, Facts, Question

INVERSE = {Truth.TRUE: Truth.FALSE, Truth.FALSE: Truth.TRUE, Truth.UNKNOWN: Truth.UNKNOWN}


def condition(fields: dict[str, Any]) -> Question:
    """An active condition (or a reason of the order) is in these groups."""
    pairs, suspected, same_region = fields["in"], fields.get("suspected"), fields.get("same_region", False)
    only = fields.get("reasons_only", False)
    reasons = only or fields.get("reasons", False)

    def found(facts: Facts) -> Answer:
        case = facts.case
        member = holds(case.order.reason_members, pairs) if reasons and suspected is not True else None
        if member is not None:
            return yes(f"a reason of the order{_by_way_of(member)}")
        if only:
            return no("no reason of the order")
        for members, is_suspected in _active(facts):
            if suspected is not None and suspected is not is_suspected:
                continue
            member = holds(members, pairs)
            if member is not None and not (same_region and _elsewhere(case.order, member)):
                return yes(f"an active condition{_by_way_of(member)}")
        return absent(case, "no such condition", "conditions")

    def ask(facts: Facts) -> Answer:
        truth, because, _, gap = found(facts)
        return (INVERSE[truth], because, None, gap)

    return ask if fields.get("none") else found


def _by_way_of(member: Member) -> str:
    """The listed code that stands above the one that was sent, where it was not listed itself."""
    return f", below {member.ancestor}" if member.ancestor else ""


def _active(facts: Facts) -> list[tuple[tuple[Member, ...], bool]]:
    """What every active condition that any code list knows is, and whether it is only suspected; once for all rules."""
    found: list[tuple[tuple[Member, ...], bool]] | None = facts.memo.get("active conditions")
    if found is None:
        found = facts.memo["active conditions"] = [
            (item.members, item.verification in SUSPECTED)
            for item in facts.case.conditions if item.members and is_active(item)
        ]  # fmt: skip
    return found


def _reasons(facts: Facts) -> tuple[str, str]:
    """The words of the order's reasons and of the active conditions, a line for each; once for all rules."""
    words: tuple[str, str] | None = facts.memo.get("reasons")
    if words is None:
        case = facts.case
        stated = [said for one in case.order.reasons for said in (one.text, *[each.display for each in one.codings])]
        on_file = [item.concept.words for item in case.conditions if is_active(item)]
        words = facts.memo["reasons"] = "\n".join(stated), "\n".join(on_file)
    return words


# operations whose disease may carry the neighbouring region's name
_ALSO = {"colorectal": "pelvis", "bladder": "abdomen", "esophagus": "abdomen", "stomach": "chest", "liver": "pelvis"}


def _elsewhere(order: Order, member: Member) -> bool:
    """A disease of another region than the operation, where both are known."""
    if order.region in (None, "any") or member.region in (None, "any", "whole-body", "other"):
        return False
    return member.region != order.region and not any(_ALSO.get(m.group) == member.region for m in order.members)


def reason(fields: dict[str, Any]) -> Question:
    """A reason of the order, or an active condition, holds one of these words."""
    pattern = word_pattern(fields["words"])
    assert pattern is not None  # noqa: S101  the field is required and not empty

    def ask(facts: Facts) -> Answer:
        stated, on_file = _reasons(facts)
        if pattern.search(stated):
            return yes("a reason of the order")
        if pattern.search(on_file):
            return yes("an active condition")
        return absent(facts.case, "no reason says so", "conditions")

    return ask


def procedure(fields: dict[str, Any]) -> Question:
    """A procedure of these groups was done."""
    pairs, statuses = fields["in"], fields.get("status", ("completed", "in-progress"))
    same_region, after_study = fields.get("same_region", False), fields.get("after_study", False)

    def ask(facts: Facts) -> Answer:
        case = facts.case
        for item in case.procedures:
            if item.status not in statuses or not holds(item.members, pairs):
                continue
            if same_region and not _same_region(case, item.regions):
                continue
            if after_study and not _after_study(case, item.performed):
                continue
            return yes("a procedure on file")
        return absent(case, "no such procedure", "procedures")

    return ask


def reports(fields: dict[str, Any]) -> Question:
    """Another report of these kinds is on file."""
    kinds, same_region, after = fields["kind"], fields.get("same_region", False), fields.get("after_study", False)

    def ask(facts: Facts) -> Answer:
        case = facts.case
        for item in case.reports:
            if item.kind not in kinds or not _stands(item):
                continue
            if same_region and not _same_region(case, item.regions):
                continue
            if after and not _after_study(case, item.issued or item.effective):
                continue
            return yes("a report on file")
        return absent(case, "no such report", "diagnosticReports")

    return ask


def stage(fields: dict[str, Any]) -> Question:
    """A stage of this basis is recorded."""
    bases = fields["basis"]

    def ask(facts: Facts) -> Answer:
        if any(item.basis in bases for item in facts.case.staging):
            return yes("a recorded stage")
        return absent(facts.case, "no such stage", "stagingObservations")

    return ask


def second_read(fields: dict[str, Any]) -> Question:
    """A second read of this study is done, is ordered (in the basket or on file), or is back after its report."""
    return {"done": _done, "ordered": _ordered, "back": _back}[fields["state"]]


def _back(facts: Facts) -> Answer:
    case = facts.case
    if case.second_read is not None:
        return yes("a second read is on file, younger than the report")
    return absent(case, "no second read of the report", "diagnosticReports")


def _done(facts: Facts) -> Answer:
    case = facts.case
    if case.report is not None and case.report.kind in ("second-read", "tumour-board"):
        return yes("the report is itself a second read")
    for item in case.reports:
        if item.kind in ("second-read", "tumour-board") and _stands(item) and _of_this_study(case, item):
            return yes("a second read is on file")
    if any(
        item.kind == "second-read" and item.status == "completed" and _for_this_study(case, item)
        for item in case.orders_on_file
    ):
        return yes("a completed second-read order is on file")
    return absent(case, "no second read", "diagnosticReports", "serviceRequests")


def _ordered(facts: Facts) -> Answer:
    case = facts.case
    for item in case.basket:
        if item.kind == "second-read" and _for_this_study(case, item, same_call=True):
            return yes("a second read is in the same basket")
    for item in case.orders_on_file:
        open_order = item.kind == "second-read" and item.status in ("active", "draft", "on-hold")
        if open_order and _for_this_study(case, item):
            return yes("a second read is ordered")
    return absent(case, "no second read is ordered", "serviceRequests")


def _for_this_study(case: Case, item: Order, same_call: bool = False) -> bool:
    """By reference to the study or its report; without any such reference, by region and by being younger than it."""
    named = [ref for ref in item.supporting if ref.startswith(("ImagingStudy/", "DiagnosticReport/"))]
    if named:
        mine = {case.study.reference if case.study else None, case.report.reference if case.report else None}
        return bool(mine & set(named))
    regions = case.study.regions if case.study and case.study.regions else (case.order.region,)
    if item.region is not None and item.region not in regions:
        return False
    return same_call or (item.authored is not None and _after_study(case, item.authored))


def _of_this_study(case: Case, item: Report) -> bool:
    if case.study is not None and case.study.reference in item.studies:
        return True
    if item.studies and case.study is not None and not case.study.from_report:
        return False
    issued = item.issued or item.effective
    basis = (case.report.issued or case.report.effective) if case.report is not None else None
    later = issued is None or basis is None or issued >= basis
    return later and bool(item.regions) and _same_region(case, item.regions)


def _stands(item: Report) -> bool:
    return item.status not in ("registered", "cancelled", "entered-in-error")


def _same_region(case: Case, regions: tuple[str, ...]) -> bool:
    """The same region, or one of the two not stated."""
    mine = {case.order.region} - {None, "any"} or set(case.study.regions if case.study else ())
    return not mine or not regions or bool(mine & set(regions))


def _after_study(case: Case, when: Any) -> bool:
    """Later than the study; a date that is not stated is taken as later, so that we rather stay quiet."""
    started = case.study.started if case.study else None
    return when is None or started is None or bool(when >= started)

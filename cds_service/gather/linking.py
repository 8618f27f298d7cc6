"""From an order to the study it rests on, and from that study to its report, by named rungs.

Order to study: the order's own references, a shared request, else region, modality and recency. Study to report:
DiagnosticReport.imagingStudy, a shared request, an accession identifier, else the same region, kind and day. A study of
another region is never taken, whoever points at it. FHIR R4 has no search for DiagnosticReport.imagingStudy or
supportingInfo, so the patient's resources are matched here.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cds_service.model import Link, Order, Report, Study

LINK_WINDOW = timedelta(days=3 * 365)  # beyond it a study is history; inside it each rule states its own window
_SAME_EXAM = timedelta(hours=36)  # a report's effective time and its study's start, across time zones and midnight
_DEAD = frozenset({"entered-in-error", "cancelled"})
_FINAL = frozenset({"final", "amended", "corrected", "appended"})
CROSS_SECTIONAL = frozenset({"CT", "MR", "PT"})
# Where ultrasound or mammography is the study of record (decision 17).
_ALSO: dict[str, frozenset[str]] = {
    "breast": frozenset({"MG", "US"}),
    "neck": frozenset({"US"}),
    "pelvis": frozenset({"US"}),
    "abdomen": frozenset({"US"}),
}


@dataclass(frozen=True, slots=True)
class Basis:
    """What an order rests on; `study` or `report` may be missing, and `reports` are all those of the study."""

    study: Study | None = None
    report: Report | None = None
    link: Link | None = None
    others: tuple[Report, ...] = ()  # reports of the patient that are not the basis, kinds settled
    second_read: Report | None = None  # the newest second read of the study that is younger than the basis report


def link(
    order: Order, regions: tuple[str, ...], studies: tuple[Study, ...], reports: tuple[Report, ...], now: datetime
) -> Basis:
    """The study and report that `order` rests on. `regions` are those a study may show; empty: the order names none."""
    alive = tuple(r for r in reports if r.status not in _DEAD)
    candidates = tuple(s for s in studies if s.status not in _DEAD and _before(s.started, now))
    imaging = tuple(r for r in alive if r.kind in ("radiology", "second-read"))
    candidates += _told_by_reports(candidates, imaging, now)
    study, rung = _study(order, regions, candidates, alive, now)
    if study is None:
        return Basis(others=alive)
    of_imaging = tuple(r for r in alive if r.kind in ("radiology", "second-read", "tumour-board"))
    of_study, report_rung = _reports_of(study, of_imaging)
    basis, settled = _settle(of_study)
    names = {r.reference for r in settled}
    others = tuple(r for r in alive if r.reference not in names)
    others += tuple(r for r in settled if basis is None or r.reference != basis.reference)
    second = _second_read(study, basis, others) if basis is not None else None
    return Basis(study, basis, Link(rung, report_rung if basis else ""), others, second)


def _second_read(study: Study, basis: Report, others: tuple[Report, ...]) -> Report | None:
    """By a tie to the study, or, where it names no study, by region and by being younger than the basis report."""
    found = [
        r for r in others
        if r.kind == "second-read" and r.status in _FINAL and _time(r) > _time(basis)
        and (_tied(study, r) or (not r.studies and set(study.regions) & set(r.regions)))
    ]  # fmt: skip
    return max(found, key=_time, default=None)


def fits(order: Order, regions: tuple[str, ...], study: Study) -> bool:
    """Whether a study can be the basis: same region where both are known, same stretch of spine, not the other side."""
    if regions and study.regions and not set(regions) & set(study.regions) and "whole-body" not in study.regions:
        return False
    if order.segments and study.segments and not set(order.segments) & set(study.segments):
        return False
    opposite = {"left": "right", "right": "left"}
    return not (order.side in opposite and study.side == opposite[order.side])


def _before(moment: datetime | None, now: datetime) -> bool:
    return moment is None or moment <= now


def _told_by_reports(studies: tuple[Study, ...], reports: tuple[Report, ...], now: datetime) -> tuple[Study, ...]:
    """Studies that only their report tells of: some EHRs have no ImagingStudy at all."""
    told = []
    known = frozenset(study.reference for study in studies)
    for report in reports:
        # a report that names its studies is tied to those and to no other
        tied = not known.isdisjoint(report.studies) if report.studies else any(_tied(s, report) for s in studies)
        if report.kind != "radiology" or tied:
            continue
        when = report.effective or report.issued
        if not _before(when, now):
            continue
        told.append(
            Study(
                reference=report.reference,
                started=when,
                modalities=report.modalities,
                regions=report.regions,
                segments=report.segments,
                side=report.side,
                description=report.concept.words,
                identifiers=report.identifiers,
                based_on=report.based_on,
                organization=report.organization,
                from_report=True,
            )
        )
    return tuple(told)


def _study(
    order: Order, regions: tuple[str, ...], studies: tuple[Study, ...], reports: tuple[Report, ...], now: datetime
) -> tuple[Study | None, str]:
    fitting = [s for s in studies if fits(order, regions, s)]
    named = set(order.supporting)
    if named:
        pointed = [s for s in fitting if s.reference in named or not named.isdisjoint(s.identifiers)]
        by_report = [r for r in reports if r.reference in named or not named.isdisjoint(r.identifiers)]
        pointed += [s for s in fitting if any(_tied(s, r) for r in by_report) and s not in pointed]
        if pointed:
            return _latest(pointed), "order-reference"
        shared = [s for s in fitting if named & set(s.based_on)]
        if shared:
            return _latest(shared), "shared-based-on"
    seen = [s for s in fitting if s.started and s.started >= now - LINK_WINDOW and (s.regions or not regions)]
    recent = [s for s in seen if _usable(s, regions)]
    return (_latest(recent), "region-and-recency") if recent else (None, "")


def _usable(study: Study, regions: tuple[str, ...]) -> bool:
    allowed = CROSS_SECTIONAL.union(*(_ALSO.get(region, frozenset()) for region in regions))
    return bool(allowed & set(study.modalities))


def _latest(studies: list[Study]) -> Study:
    def weight(study: Study) -> tuple[float, bool, bool, str]:
        held = "#" not in study.reference  # on the server, not only inside the order
        return (study.started.timestamp() if study.started else 0.0, not study.from_report, held, study.reference)

    return max(studies, key=weight)


def _tied(study: Study, report: Report) -> bool:
    return bool(_rung(study, report))


def _rung(study: Study, report: Report) -> str:
    """Which rung ties this report to this study; "" for none."""
    if report.reference == study.reference or study.reference in report.studies:
        return "report-imaging-study"
    if report.studies:  # it names its study, and this is another
        return ""
    if set(study.based_on) & set(report.based_on):
        return "shared-based-on"
    # An accession may stand among identifiers, or as the logical reference of basedOn; an empty system matches any.
    own = set(study.identifiers) | set(study.based_on)
    theirs = set(report.identifiers) | set(report.based_on)
    if own & theirs:
        return "accession"
    values = {i.rpartition("|")[2] for i in own if i.startswith("|")} & {i.rpartition("|")[2] for i in theirs}
    values |= {i.rpartition("|")[2] for i in theirs if i.startswith("|")} & {i.rpartition("|")[2] for i in own}
    if values:
        return "accession"
    when = report.effective or report.issued
    if not (when and study.started and set(study.regions) & set(report.regions)):
        return ""
    if report.identifiers and study.identifiers and _same_systems(study.identifiers, report.identifiers):
        return ""  # both carry identifiers of one kind, and they differ: two examinations of one day
    same_kind = not (study.modalities and report.modalities) or set(study.modalities) & set(report.modalities)
    same_stretch = not (study.segments and report.segments) or set(study.segments) & set(report.segments)
    near = timedelta(0) <= when - study.started + timedelta(hours=12) and when - study.started <= _SAME_EXAM
    return "region-and-recency" if same_kind and same_stretch and near else ""


def _same_systems(one: Iterable[str], other: Iterable[str]) -> bool:
    return bool({i.partition("|")[0] for i in one} & {i.partition("|")[0] for i in other} - {""})


_RUNGS = ("report-imaging-study", "shared-based-on", "accession", "region-and-recency")


def _reports_of(study: Study, reports: tuple[Report, ...]) -> tuple[tuple[Report, ...], str]:
    """All reports of a study on the best rung that holds for any of them."""
    by_rung: dict[str, list[Report]] = {}
    for report in reports:
        if rung := _rung(study, report):
            by_rung.setdefault(rung, []).append(report)
    best = next((rung for rung in _RUNGS if rung in by_rung), "")
    # Explicit ties of any kind belong together; a report of the same region and day does only where nothing better is.
    explicit = [r for rung in _RUNGS[:3] for r in by_rung.get(rung, ())]
    return tuple(explicit or by_rung.get(best, ())), best


def _time(report: Report) -> float:
    when = report.issued or report.effective
    return when.timestamp() if when else 0.0


def _settle(reports: tuple[Report, ...]) -> tuple[Report | None, tuple[Report, ...]]:
    """Tell the basis report from its addenda, superseded versions and second reads by others.

    The basis is the newest final report of whoever read first; a later report on the same study by another organisation
    is a second read, one by the same organisation an addendum (if it says so) or a replacement.
    """
    first_reads = sorted((r for r in reports if r.kind == "radiology"), key=_time)
    rest = [r for r in reports if r.kind != "radiology"]
    if not first_reads:
        return None, tuple(rest)
    finals = [r for r in first_reads if r.status in _FINAL] or first_reads
    first = finals[0]
    own, settled = [], list(rest)
    for report in first_reads:
        foreign = first.organization and report.organization and report.organization != first.organization
        if foreign and _time(report) > _time(first):
            settled.append(replace(report, kind="second-read"))
        else:
            own.append(report)
    usable = [r for r in own if r.status in _FINAL] or own
    addenda = [r for r in usable if is_addendum(r)]
    bodies = [r for r in usable if r not in addenda] or usable
    basis = bodies[-1]
    if added := tuple(r.reference for r in addenda if r.reference != basis.reference):
        basis = replace(basis, addenda=added)
    for report in own:
        if report.reference != basis.reference:
            settled.append(replace(report, superseded_by=basis.reference))
    return basis, (basis, *settled)


def is_addendum(report: Report) -> bool:
    """Whether a report says that it adds to another: LOINC 55107-7, or the word in its name."""
    return any(c.code == "55107-7" for c in report.concept.codings) or "addend" in report.concept.words.lower()

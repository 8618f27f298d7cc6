"""The story of gathering: prefetch first, then, only if it still matters, reads in waves until nothing useful lacks."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from cds_service.gather import attachments, imaging
from cds_service.gather.accessors import Raw, text
from cds_service.gather.deadline import Deadline
from cds_service.gather.dicomweb import Pacs
from cds_service.gather.fhir import FhirCall, FhirReader
from cds_service.gather.linking import Basis, link
from cds_service.gather.orders import Basket
from cds_service.gather.prefetch import REQUIRED, filled, from_request, newest_first, plainly
from cds_service.gather.record import Facts, Record, facts_of
from cds_service.gather.references import inside, normal, reference_to, references_to
from cds_service.model import Case, Gap, HookRequest, Order, PastCard, Quality, Report, ReportPart, Standing
from cds_service.routing import Routing
from cds_service.site import Site
from cds_service.terminology import ValueSets

History = Callable[[tuple[str, ...], tuple[str, ...]], tuple[PastCard, ...] | None]  # None: it could not be had
MAX_PAGES = 5  # of one search; a record longer than that is asked for more narrowly
_STAGING_REGIONS = ("chest", "abdomen", "pelvis", "whole-body")
# Organs whose imaging of record may carry the neighbouring region's name.
_ALSO_SHOWN: dict[str, tuple[str, ...]] = {
    "colorectal": ("pelvis",),
    "bladder": ("abdomen",),
    "esophagus": ("abdomen",),
    "stomach": ("chest",),
    "gynaecological": ("abdomen",),
    "adrenal/testis": ("pelvis",),
    "neurovascular": ("brain", "neck"),
}


class Terms(Protocol):
    """What gathering needs of the content."""

    @property
    def value_sets(self) -> ValueSets: ...  # noqa: D102
    @property
    def routing(self) -> Routing: ...  # noqa: D102
    @property
    def prefetch(self) -> Mapping[str, str]: ...  # noqa: D102
    @property
    def site(self) -> Site: ...  # noqa: D102
    @property
    def wants_raw(self) -> bool: ...  # noqa: D102


def cases(
    request: HookRequest,
    basket: Basket,
    *,
    content: Terms,
    now: datetime,
    fhir: FhirReader | None = None,
    issuer: str = "",
    deadline: Deadline | None = None,
    history: History | tuple[PastCard, ...] | None = (),
    settled: Callable[[Case], bool] | None = None,
    pacs: Pacs | None = None,
    standings: Callable[[tuple[str, ...]], tuple[Standing, ...]] | None = None,
) -> tuple[Case, ...]:
    """One case per relevant draft order, from prefetch alone where `settled` then holds for every case.

    Otherwise what is missing is read from the request's FHIR server, side by side, until the deadline. What stays
    unknown stands in `Case.gaps`; a gap about `fhirServer` says that nothing could be read at all.
    """
    time_left = deadline or Deadline(1.0)
    record = Record(request, standings)
    record.gaps += basket.gaps
    for found in from_request(request, tuple(content.prefetch)).values():
        record.take(found)
    for order in basket.relevant:
        record.add(inside(basket.raw[order.reference], order.reference), {}, "draftOrders")
    known = _assemble(record, basket, content, now, history)
    if settled and all(settled(case) for case in known):
        return known
    if _wanted(record, basket, known, content):
        call = fhir.open(request.fhir, time_left, issuer) if fhir else "no-fhir-server"
        if isinstance(call, str):
            record.gaps.append(Gap("fhirServer", call))
            known = _assemble(record, basket, content, now, history)
        else:
            known = _read(call, record, basket, known, content, now, history)
    return _looked_at(known, pacs, time_left, settled) if pacs else known


def _looked_at(
    known: tuple[Case, ...], pacs: Pacs, time_left: Deadline, settled: Callable[[Case], bool] | None
) -> tuple[Case, ...]:
    """The cases that are still open, with what the image headers of their study tell; each study is asked once."""
    told: dict[str, Quality | Gap | None] = {}
    found = []
    for case in known:
        study = case.study
        if study is not None and not (settled and settled(case)):
            if study.reference not in told:
                told[study.reference] = pacs.quality(study, time_left)
            answer = told[study.reference]
            if isinstance(answer, Gap):
                case = replace(case, gaps=(*case.gaps, answer))
            elif answer:
                case = replace(case, study=replace(study, quality=answer))
        found.append(case)
    return tuple(found)


def _read(
    call: FhirCall,
    record: Record,
    basket: Basket,
    known: tuple[Case, ...],
    content: Terms,
    now: datetime,
    history: History | tuple[PastCard, ...] | None,
) -> tuple[Case, ...]:
    """Ask in waves: what one answer names (a reader, a Binary, a next page) is asked for in the next."""
    while wanted := _wanted(record, basket, known, content):
        for place, answer in call.get(wanted, record.natives).items():
            record.learn(wanted[place], place, answer)
        known = _assemble(record, basket, content, now, history)
    if not call.answered and call.refused:
        record.gaps.append(Gap("fhirServer", "fhir-refused"))
        known = _assemble(record, basket, content, now, history)
    return known


def _wanted(record: Record, basket: Basket, known: tuple[Case, ...], content: Terms) -> dict[str, str]:
    """Places worth reading now, each with its purpose (a prefetch key, `reference`, `reader` or `binary`)."""
    places: dict[str, str] = {}
    for key, found in record.received.items():
        # An OperationOutcome is there to spare a query, so only what no decision can do without is asked again.
        if not found.satisfied and found.state != "page" and (found.state != "failed" or key in REQUIRED):
            place = filled(content.prefetch[key], record.request)
            places[plainly(place) if place in record.rejected else place] = key
    for order in basket.relevant:
        for reference in order.supporting:
            if _readable(reference) and reference not in record.by_name:
                places[reference] = "reference"
    for case in known:
        places |= _wanted_of_case(record, case)
    return {place: purpose for place, purpose in places.items() if place not in record.asked}


def _wanted_of_case(record: Record, case: Case) -> dict[str, str]:
    places: dict[str, str] = {}
    for key in REQUIRED:
        # A full page without the study is not "no report" (decision 9), nor is one in no order of time.
        found = record.received.get(key)
        if found is None or not found.next_url or record.pages.get(key, 0) >= MAX_PAGES:
            continue
        if case.study is None or case.report is None or not newest_first(found):
            places[found.next_url] = key
    if case.report is None:
        return places
    if case.study is None or case.study.from_report:
        places |= {r: "reference" for r in case.report.studies if _readable(r) and r not in record.by_name}
    reader = case.report.reader
    if reader.reference and not reader.known and not reader.reference.startswith("#"):
        is_person = reader.reference.startswith("Practitioner/")
        if reader.reference not in record.by_name and (is_person or reader.reference.startswith("PractitionerRole/")):
            places[reader.reference] = "reference"
        if is_person and not _roles_of(record, reader.reference):
            places[f"PractitionerRole?practitioner={reader.reference}"] = "reader"
    for report in filter(None, (case.report, case.second_read)):
        for reference in (report.reference, *report.addenda):
            holder = record.by_name.get(reference, {})
            for url, announced in attachments.needed(holder).items():
                record.natives[normal(url, record.base)] = announced
                places[normal(url, record.base)] = "binary"
            places |= dict.fromkeys(attachments.narrated(holder, record.find, record.base), "reference")
    return places


def _readable(reference: str) -> bool:
    if "|" in reference or "#" in reference:  # an identifier, or something that came inside the order
        return False
    return reference.startswith(("ImagingStudy/", "DiagnosticReport/", "Condition/")) or "://" in reference


def _roles_of(record: Record, practitioner: str) -> list[Raw]:
    return [r for r in record.all("PractitionerRole") if reference_to(r, "practitioner", record.base) == practitioner]


def _assemble(
    record: Record, basket: Basket, content: Terms, now: datetime, history: History | tuple[PastCard, ...] | None
) -> tuple[Case, ...]:
    """Every relevant order with what is known of it at this moment."""
    known = facts_of(record, content.value_sets, basket.raw)
    linked = [
        (order, link(order, _regions(order, known), known.studies, known.reports, now)) for order in basket.relevant
    ]
    if callable(history):
        studies = tuple(dict.fromkeys(basis.study.reference for _, basis in linked if basis.study))
        history = history(studies, tuple(order.reference for order, _ in linked))
    gaps = record.open_gaps()
    if history is None:
        history, gaps = (), (*gaps, Gap("history", "ledger-unavailable"))
    return tuple(_case(order, basis, known, record, basket, content, now, history, gaps) for order, basis in linked)


def _regions(order: Order, known: Facts) -> tuple[str, ...]:
    """The regions whose imaging an order can rest on; empty where nothing says."""
    group = order.members[0].group if order.members else ""
    if order.region and order.region not in ("any", "other"):
        return (order.region, *_ALSO_SHOWN.get(group, ()))
    cancer = [m.region for m in order.reason_members if m.value_set == "cancer-conditions" and m.region]
    cancer += [
        m.region
        for condition in known.conditions
        if condition.clinical not in ("resolved", "inactive", "remission") and condition.verification != "refuted"
        for m in condition.members
        if m.value_set == "cancer-conditions" and m.region
    ]
    staging = _STAGING_REGIONS if order.kind != "surgery" else ()
    return tuple(dict.fromkeys([*cancer, *staging]))


def _case(
    order: Order,
    basis: Basis,
    known: Facts,
    record: Record,
    basket: Basket,
    content: Terms,
    now: datetime,
    history: tuple[PastCard, ...],
    gaps: tuple[Gap, ...],
) -> Case:
    report, more = _with_words(basis.report, record, content) if basis.report else (None, ())
    second, lost = _with_words(basis.second_read, record, content) if basis.second_read else (None, ())
    more += lost
    on_file = next((o for o in known.orders_on_file if o.reference == order.reference), None)
    again = on_file is not None and on_file.status == "active"
    same = on_file is not None and (on_file.concept.codings, on_file.start) == (order.concept.codings, order.start)
    if again:
        order = replace(order, first_seen_active=True, renewal=order.renewal or same)
    return Case(
        order=order,
        as_of=now,
        patient=known.patient,
        basket=tuple(o for o in basket.orders if o.reference != order.reference),
        encounter_class=known.encounter_class,
        location=known.location,
        study=basis.study,
        report=report,
        second_read=second,
        link=basis.link,
        studies=known.studies,
        reports=basis.others,
        conditions=known.conditions,
        procedures=known.procedures,
        orders_on_file=tuple(o for o in known.orders_on_file if o.reference != order.reference),
        staging=known.staging,
        history=history,
        standings=_standings(order, known, record, basket),
        exempt=_exempt(order, known, record, basket, content, now),
        gaps=gaps + more,
        raw=_raw(order, basis, report, record, basket) if content.wants_raw else {},
    )


def _raw(order: Order, basis: Basis, report: Report | None, record: Record, basket: Basket) -> dict[str, Raw]:
    """The resources that a `fhirpath:` criterion may ask of; a restricted report is none of them."""
    study = basis.study.reference if basis.study and not basis.study.from_report else ""
    named = {
        "order": basket.raw.get(order.reference),
        "study": record.by_name.get(study),
        "report": record.by_name.get(report.reference) if report and not report.restricted else None,
        "patient": record.by_name.get(record.own),
    }
    return {name: resource for name, resource in named.items() if resource is not None}


def _exempt(order: Order, known: Facts, record: Record, basket: Basket, content: Terms, now: datetime) -> str:
    """What of this order the site has opted out (X12): who signs or carries it out, and where."""
    if not content.site.exempt:
        return ""
    return content.site.opted_out(_involved(order, known, record, basket), now.date())


def _standings(order: Order, known: Facts, record: Record, basket: Basket) -> tuple[Standing, ...]:
    """What holds for a rule on this order beside its file, where anything can."""
    return record.standings(_involved(order, known, record, basket)) if record.standings else ()


def _involved(order: Order, known: Facts, record: Record, basket: Basket) -> tuple[str, ...]:
    """Who signs this order, and who carries it out and where, as references."""
    raw = basket.raw.get(order.reference, {})
    named = [normal(record.request.user_id, record.base), reference_to(raw, "requester", record.base), *known.setting]
    named += [r for name in ("performer", "locationReference") for r in references_to(raw, name, record.base)]
    return tuple(dict.fromkeys(filter(None, named)))


def _with_words(report: Report, record: Record, content: Terms) -> tuple[Report, tuple[Gap, ...]]:
    """The basis report with its renderings, its addenda's, and its reader's subspecialty."""
    raw = record.by_name.get(report.reference, {})
    reader = imaging.reader_of(report, _reader_resources(report, raw, record), content.routing, content.site.roster)
    if report.restricted:
        return replace(report, reader=reader), (Gap(report.reference, "restricted"),)
    parts, gaps = _parts(raw, record)
    for reference in report.addenda:
        added, more = _parts(record.by_name.get(reference, {}), record)
        parts += tuple(_as_addendum(part) for part in added if part.origin != "conclusionCode")
        gaps += more
    return replace(report, reader=reader, parts=parts), gaps


def _parts(raw: Raw, record: Record) -> tuple[tuple[ReportPart, ...], tuple[Gap, ...]]:
    return attachments.with_binaries(raw, record.find, record.binaries, record.base)


def _as_addendum(part: ReportPart) -> ReportPart:
    """A later report's words under the heading that gives them their weight."""
    return replace(part, heading="ADDENDUM")


def _reader_resources(report: Report, raw: Raw, record: Record) -> tuple[Raw, ...]:
    """The interpreter's own resource and the roles of that person."""
    reference = report.reader.reference
    if not reference:
        return ()
    found = record.find(reference, raw)
    if reference.startswith("#"):
        return (found,) if found else ()
    roles = _roles_of(record, reference) if reference.startswith("Practitioner/") else []
    if found and text(found, "resourceType") == "PractitionerRole":
        person = record.find(reference_to(found, "practitioner", record.base), found)
        return (found, person) if person else (found,)
    return (*([found] if found else []), *roles)

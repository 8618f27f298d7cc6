"""Criteria about the study, its report as a document, and who read it."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from cds_service.model import Case, Order, Truth
from cds_service.rules.facts import absent, no, unknown, yes
from cds_service.rules.order_criteria import order_words
from cds_service.rules.rule import Answer, Facts, Question

_NOT_FINAL = frozenset({"registered", "preliminary", "partial", "entered-in-error", "cancelled"})
# organs for which ultrasound or mammography is a study of record (decision 17): value-set groups, or words of the order
ORGANS: dict[str, tuple[frozenset[str], re.Pattern[str]]] = {
    "thyroid": (frozenset({"thyroid/parathyroid"}), re.compile(r"\bthyroid|\bparathyroid", re.I)),
    "breast": (frozenset({"breast"}), re.compile(r"\bbreast|\bmast(?:ectomy)|\blumpectomy", re.I)),
    "adnexa": (frozenset(), re.compile(r"\bovar|\badnex|\boophor|\bsalping", re.I)),
    "scrotum": (frozenset(), re.compile(r"\btestic|\btestis|\borchi[de]|\bscrot", re.I)),
    "gallbladder": (frozenset(), re.compile(r"\bgall ?bladder|\bcholecyst", re.I)),
}


def study(fields: dict[str, Any]) -> Question:
    """A study fits the order by modality, region, spine segment, status and age: all that are given."""
    modalities = frozenset(fields.get("modality", ()))
    statuses, region, age = fields.get("status"), fields.get("region"), fields.get("max_age")
    segments_agree = fields.get("segments") == "agree"
    extra = _organ_modalities(fields)

    def ask(facts: Facts) -> Answer:
        case, study = facts.case, facts.case.study
        if study is None:
            return absent(case, "no study was found for the order", "imagingStudies", "diagnosticReports")
        if statuses and study.status not in statuses:
            return no("another status of the study")
        if modalities and not modalities & set(study.modalities):
            if not study.modalities:
                return unknown("the modality is not stated")
            if extra is None or not extra(case.order) & set(study.modalities):
                return no("another modality")
        if region:
            answer = _region(case, region)
            if answer is not None:
                return answer
        if segments_agree and case.order.segments:
            shown = study.segments or (case.report.segments if case.report else ())
            if shown and not set(shown) & set(case.order.segments):
                return no("another part of the spine")
        if age is not None:
            if study.started is None:
                return unknown("the date of the study is not stated")
            if case.as_of - study.started > age:
                return no("the study is older")
        return yes("the study fits the order")

    return ask


# operations whose imaging of record may carry the neighbouring region's name
_SHOWN_WITH = {"adrenal/testis": ("pelvis",), "neurovascular": ("brain", "neck"), "esophagus": ("abdomen",)}


def imaged(fields: dict[str, Any]) -> Question:
    """A study of that kind and of the place of the order is on file, recent enough (R17 asks for the opposite)."""
    modalities, limit = frozenset(fields["modality"]), fields["max_age"]
    extra, segments_agree, none = _organ_modalities(fields), "segments" in fields, fields.get("none", False)

    def ask(facts: Facts) -> Answer:
        case = facts.case
        if case.order.region in (None, "any"):
            return unknown("the order names no region")
        own = {case.order.region, "whole-body"}.union(*(_SHOWN_WITH.get(m.group, ()) for m in case.order.members))
        wanted = modalities | (extra(case.order) if extra else set())
        open_answer: Answer | None = None
        seen = False
        for shown, place, stretch, started in _imaged(case):
            if shown and not wanted & set(shown):
                continue
            if place and not own & set(place) and not _is_basis(case, started):
                continue
            if segments_agree and stretch and case.order.segments and not set(stretch) & set(case.order.segments):
                continue
            if not shown or not place or started is None:
                open_answer = unknown("a study on file does not state its kind, place or date")
                continue
            if not _older(case, started, limit):
                return (no if none else yes)("such a study is on file")
            seen = True
        if open_answer is not None:
            return open_answer
        because = "such a study is on file and too old" if seen else "no such study is on file"
        answer = absent(case, because, "imagingStudies", "diagnosticReports")
        return answer if answer[0] is Truth.UNKNOWN else (yes if none else no)(because)

    return ask


_Imaged = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], datetime | None]


def _imaged(case: Case) -> list[_Imaged]:
    """Kind, place, stretch of spine and date of all that was imaged, by its study or by its report alone."""
    found: list[_Imaged] = [(s.modalities, s.regions, s.segments, s.started) for s in case.studies]
    if case.study is not None and case.study not in case.studies:
        found.append((case.study.modalities, case.study.regions, case.study.segments, case.study.started))
    found += [
        (r.modalities, r.regions, r.segments, r.effective or r.issued)
        for r in case.reports if r.kind == "radiology" and not r.studies and r.modalities and r.regions
    ]  # fmt: skip
    return found


def _is_basis(case: Case, started: datetime | None) -> bool:
    """Gathering linked it to the order; the region's name then does not matter."""
    return case.study is not None and started is not None and case.study.started == started


def _region(case: Case, wanted: tuple[str, ...]) -> Answer | None:
    assert case.study is not None  # noqa: S101  the caller has looked; this tells mypy
    shown = set(case.study.regions) or set(case.report.regions if case.report else ())
    if "any" in wanted or "whole-body" in shown:
        return None
    allowed = set(wanted)
    if "same-as-order" in allowed:
        if case.order.region in (None, "any"):
            return None if len(allowed) == 1 and case.order.region == "any" else unknown("the order names no region")
        allowed.add(str(case.order.region))
    if not shown:
        return unknown("the region of the study is not stated")
    return None if shown & allowed else no("another region")


def _organ_modalities(fields: dict[str, Any]) -> Callable[[Order], set[str]] | None:
    node = fields.get("organ_modality")
    if node is None:
        return None
    table = [(modality, [ORGANS[organ] for organ in organs]) for modality, organs in node.plain().items()]

    def extra(order: Order) -> set[str]:
        groups, words = {member.group for member in order.members}, order_words(order)
        return {
            modality
            for modality, organs in table
            if any(known & groups or pattern.search(words) for known, pattern in organs)
        }

    return extra


def report(fields: dict[str, Any]) -> Question:
    """The study has a report on file, of one of these statuses."""
    statuses = fields.get("status")

    def ask(facts: Facts) -> Answer:
        case, report = facts.case, facts.case.report
        if report is None:
            return absent(case, "no report of the study is on file", "diagnosticReports")
        if statuses and report.status not in statuses:
            return unknown("the status is not stated") if report.status in ("", "unknown") else no("another status")
        return yes("a report of that status is on file")

    return ask


def window(fields: dict[str, Any]) -> Question:
    """The study is older than the window of the rule, or its report is not final (X5)."""
    del fields

    def ask(facts: Facts) -> Answer:
        case, limit = facts.case, facts.rule.window
        if case.report is not None and case.report.status in _NOT_FINAL:
            return yes("the report is not final")
        if case.study is None or limit is None:
            return no("no study to judge")
        if case.study.started is None:
            return unknown("the date of the study is not stated")
        if not _older(case, case.study.started, limit):
            return no("the study is recent")
        gap = case.missing("imagingStudies") if case.gaps else None
        if gap is not None and (case.link is None or case.link.rung == "region-and-recency"):
            return unknown("a younger study may exist", gap)
        return yes("the study is older")

    return ask


def _older(case: Case, started: datetime, limit: timedelta) -> bool:
    """By calendar day: a study is recent through the last day of the window."""
    return (case.as_of.date() - started.date()).days > limit.days


def images(fields: dict[str, Any]) -> Question:
    """Nothing was imaged: no study, and no radiology report that would name one (X11)."""
    del fields

    def ask(facts: Facts) -> Answer:
        case = facts.case
        if case.study is not None or case.report is not None or case.studies:
            return no("imaging is on file")
        if any(item.kind == "radiology" for item in case.reports):
            return no("a radiology report is on file")
        answer = absent(case, "no imaging on file", "imagingStudies", "diagnosticReports")
        return answer if answer[0] is Truth.UNKNOWN else yes("no imaging on file")

    return ask


def reader(fields: dict[str, Any]) -> Question:
    """The first reader is known to be of the right subspecialty (X4; decision 1)."""
    unless_disagrees = fields.get("unless_disagrees", False)

    def ask(facts: Facts) -> Answer:
        report = facts.case.report
        if report is None or not report.reader.known:
            return unknown("the subspecialty of the first reader is not known")
        if not facts.route & set(report.reader.specialties):
            return no("another subspecialty")
        if unless_disagrees:
            for criterion in facts.rule.disagrees_when:
                truth = criterion.ask(facts)[0]
                if truth is Truth.TRUE:
                    return no("the report itself stands against the order")
                if truth is Truth.UNKNOWN and report.reading is None:
                    return unknown("the report has not been read yet")
        return yes("a reader of the right subspecialty")

    return ask

"""Where the sections of a report begin: headings on lines of their own, before text, or inline (`,IMPRESSION:`)."""

import re
from itertools import islice

from cds_service.model import Section, SectionKind
from cds_service.reading.assertion import Standing
from cds_service.reading.text import Stretch

_NAMES: dict[SectionKind, str] = {
    "header": "exam, examination, examinations, exam performed, study, studies, exam type, type of exam, procedure"
    " name,"
    " order, accession, patient, patient name, dob, mrn, date, date of exam, exam date, exam description,"
    " radiology report, referring physician, ordering provider, requested by, facility, department, reason for order,"
    " examination performed, study performed, study description, modality, title",
    "indication": "indication, indications, clinical indication, clinical indications, indication for exam, reason,"
    " indication for study, reason for exam, reason for examination, reason for study, reason for the exam,"
    " reason for visit, reason for this examination, clinical question, question, indications for study,"
    " exam reason, reason for test, history and indication, indication and history, clinical indication and history,"
    " clinical history and indication, clinical history/indication, indication/history, chief complaint",
    "history": "history, hx, clinical hx, family hx, fhx, fh, pmhx, medical hx, past medical hx, psh, surgical hx,"
    " operative history,"
    " past history, clinical history, clinical information, clinical data, past medical history, pmh, clinical,"
    " clinical details, family history, surgical history, past surgical history, oncologic history,"
    " oncology history, medical history, patient history, relevant history, relevant clinical information, symptoms,"
    " social history, hpi, history of present illness, additional history, clinical context, clinical background",
    "technique": "technique, techniques, procedure, procedures, protocol, contrast, medications, anesthesia, materials,"
    " sequences, imaging technique, imaging protocol, exam technique, scan technique, radiotracer, dose,"
    " radiation dose,"
    " dlp, ctdi, method, methods, complications, estimated blood loss, sedation, technical parameters, contrast agent,"
    " procedure in detail, procedural details, contrast dose, contrast used, medication, consent, blood glucose",
    "comparison": "comparison, comparisons, comparison study, comparison studies, comparison exam, prior studies,"
    " prior,"
    " prior exams, prior imaging, previous studies, previous imaging, compared to, priors, previous exams",
    "findings": "findings, finding, report findings, imaging findings, observations, description, body of report,"
    " narrative, report, results, result, radiographic findings, mri findings, ct findings, pet/ct findings,"
    " pet findings,"
    " original report, ultrasound findings, detailed findings, interpretation, radiology findings",
    "impression": "impression, impressions, conclusion, conclusions, opinion, assessment, summary, diagnosis,"
    " diagnoses,"
    " final diagnosis, final impression, radiologic impression, impression and plan, findings/impression, imp,"
    " findings and impression, impression/recommendation, impression/recommendations, radiological diagnosis,"
    " impression and recommendations, impression and recommendation, assessment and plan, summary and conclusion,"
    " conclusion/impression, impression/plan, findings & impression, diagnostic impression, bottom line",
    "recommendation": "recommendation, recommendations, plan, follow-up, follow up, management, suggestion,"
    " follow-up recommendations, follow-up recommendation, recommended follow-up, advice, next steps",
    "addendum": "addendum, addenda, addendum #1, addendum 1, addendum #2, addendum 2, addendum begins, addendum report,"
    " addendum to report, addendum impression, correction, amendment, corrected report, amended report",
    "communication": "communication, communications, notification, critical results communication, critical result,"
    " critical results, result notification, results communication, dictated by, electronically signed by, signed by,"
    " signed, attestation, interpreted by, read by, transcribed by, transcriptionist, reported by, verified by,"
    " approved by, teaching physician, teaching physician statement, critical findings communication, cc, radiologist,"
    " reading physician, reading radiologist, electronically signed, provider notification, dictated, final report by,"
    " this document has been electronically signed by, attending radiologist, attending physician, end of report",
}
_KINDS: dict[str, SectionKind] = {
    " ".join(name.split()): kind for kind, names in _NAMES.items() for name in names.split(",")
}
_ALONE_WORDS = (  # single words of everyday prose: a heading only with a colon
    "prior reason plan order report patient question contrast dose date study clinical history assessment signed result"
    " correction description radiologist method medication"
)
_ALONE = frozenset(_ALONE_WORDS.split())
_INLINE: frozenset[SectionKind] = frozenset(
    {"indication", "history", "technique", "comparison", "findings", "impression", "addendum", "recommendation"}
)
_MARKS = " \t*_#=-[]>|.0123456789)"
_LAST = (")", "*", "#", "]", "_")  # what a heading may end with, besides a letter
_LONGEST = max(map(len, _KINDS))
_TAILS = frozenset(
    name.rstrip(_MARKS)[-3:].lstrip(_MARKS) for name in _KINDS
)  # the cheap question: may a heading end so?


_BEFORE_FINDINGS: tuple[SectionKind, ...] = ("header", "indication", "history", "technique", "comparison")
_ORGANS = (
    r"(?:lungs?|pleura|heart|mediastinum|hila|airways?|chest wall|liver|gall ?bladder|bile ducts?"
    r"|biliary(?: tree)?|spleen|pancreas|kidneys|adrenals|adrenal glands|bowel|bladder|uterus|ovaries|prostate|bones"
    r"|aorta|vessels|lymph nodes|peritoneum|brain(?: parenchyma)?|ventricles|orbits|sinuses|thyroid"
    r"|alignment|discs?|vertebrae|spinal cord|conus|menisci|ligaments|cardiac silhouette|mediastinal contours?"
    r"|heart size|(?:right|left) (?:breast|kidney))"
)
_ORGAN_LINE = re.compile(  # `Liver: normal` on a line of its own: findings, whether a heading says so or not
    rf"\n[ \t*•-]{{0,4}}(?:{_ORGANS}|[clts]?\d{{1,2}} ?[-/] ?[clts]?\d{{1,2}}) ?:"
)
_TOLD_LINE = re.compile(  # a line that tells what is seen, as one under no heading does
    r"\n(?:there (?:is|are) (?!(?:an? )?(?:clinical |high |strong )?(?:concern|suspicion|question|history|family|pain))"
    rf"|(?:the |both )?{_ORGANS} (?:is|are|appears?|shows?|demonstrates?) "
    r"|(?:no|normal) (?:acute|evidence|focal|significant|abnormal"
    r"|intracranial|mass|fracture|pneumothorax|suspicious|appearances?|study|examination|alignment)\b)"
    r"(?=[^\n]{20})"
)
_WORDS: tuple[tuple[str, Standing], ...] = (  # what any other heading is taken for, the first that fits
    ("famil|fhx?\b", "family"),
    ("legend|key|scale|lexicon|definition|glossary|reference|categories|criteria|disclaimer", "legend"),
    ("present illness|hpi|chief complaint|presenting", "complaint"),
    ("indicat|reason|question|concern|request|referr|why", "indication"),
    ("impression|conclusion|diagnos|opinion|summary|assessment", "impression"),
    ("compar|prior|previous", "comparison"),
    ("recommend|follow|plan|advice|suggest|next step", "recommendation"),
    ("finding|result|observation|interpretation|narrative", "findings"),
    ("histor|pmhx?\b|background|clinical|symptom|oncolog|surgical", "history"),
    ("techni|protocol|procedure|contrast|sequence|dose|medication|radiotracer|method", "technique"),
    ("addend|amend|correct", "addendum"),
    ("exam|study|accession|patient|title|order", "header"),
)
_BY_WORDS = tuple([(re.compile(rf"\b(?:{words})"), standing) for words, standing in _WORDS])
_TOLD_BY_WORDS: tuple[Standing, ...] = ("family", "legend", "complaint")


def standing_under(heading: str) -> Standing:
    """What a section with this heading is for an assertion, whatever the words: `Pertinent history:`, `BI-RADS key`."""
    name = " ".join(heading.lower().strip(_MARKS + ":\n").split())
    by_words: Standing = next((standing for words, standing in _BY_WORDS if words.search(name)), "findings")
    return by_words if by_words in _TOLD_BY_WORDS else _KINDS.get(name, by_words)


def standing_of(section: Section) -> Standing:
    """What a section is for an assertion: its kind, unless its heading says more."""
    told = standing_under(section.heading) if section.heading and section.kind in ("history", "indication") else None
    return told if told in _TOLD_BY_WORDS else section.kind


def find_sections(low: str, stretches: tuple[Stretch, ...]) -> tuple[Section, ...]:
    """The sections of the whole text, without holes, in order; `low` is the lower-cased text."""
    sections: list[Section] = []
    for stretch in stretches:
        heads = _heads(low, stretch.start, stretch.end)
        first = heads[0][0] if heads else stretch.end
        if low[stretch.start : first].strip(_MARKS + "\n"):
            sections.append(Section(_opening(stretch.origin, heads), "", stretch.start, first))
        for place, (at, name, kind) in enumerate(heads):
            end = heads[place + 1][0] if place + 1 < len(heads) else stretch.end
            sections.append(Section(kind, name, at, end))
    return tuple(sections)


def _opening(origin: str, heads: list[tuple[int, str, SectionKind]]) -> SectionKind:
    """What stands before the first heading: a title block, or, where no heading explains the text, what was found."""
    if origin in ("conclusion", "conclusionCode"):
        return "impression"
    if heads and heads[0][2] in ("indication", "history", "technique", "comparison", "findings", "header"):
        return "header"
    return "findings"


def _heads(low: str, start: int, end: int) -> list[tuple[int, str, SectionKind]]:
    heads: dict[int, tuple[str, SectionKind]] = {}
    colon = low.find(":", start, end)
    while colon != -1:
        last = low[colon - 1 : colon]
        if last == " ":
            last = low[colon - 2 : colon - 1]
        if last.isalnum() or last in _LAST:
            found = _before_colon(low, start, colon)
            if found:
                heads[found[0]] = found[1:]
        colon = low.find(":", colon + 1, end)
    at = start
    for line in low[start:end].split("\n"):
        if 3 <= len(line) <= _LONGEST + 12:
            name = line.strip(_MARKS)
            kind = _KINDS.get(name)
            if kind and name not in _ALONE and at not in heads and not line.endswith("."):
                heads[at] = (name, kind)
        at += len(line) + 1
    told = [(at, *heads[at]) for at in sorted(heads)]
    return told if any(kind == "findings" for _, _, kind in told) else _with_findings(low, told, end)


def _with_findings(low: str, heads: list[tuple[int, str, SectionKind]], end: int) -> list[tuple[int, str, SectionKind]]:
    """The headings, and the findings that begin without one under what only asks, as many reporters write them."""
    last = next((place for place in reversed(range(len(heads))) if heads[place][2] in _BEFORE_FINDINGS), None)
    if last is None:
        return heads
    to = heads[last + 1][0] if last + 1 < len(heads) else end
    first = low.find("\n", heads[last][0], to)
    if first == -1:
        return heads
    listed = list(islice(_ORGAN_LINE.finditer(low, first, to), 2))
    own_line = low[heads[last][0] : first].rstrip(" *").endswith((":", heads[last][1]))  # a heading without text
    told = _TOLD_LINE.search(low, first + own_line, to) if len(listed) < 2 else listed[0]
    return [*heads[: last + 1], (told.start() + 1, "", "findings"), *heads[last + 1 :]] if told else heads


def _before_colon(low: str, start: int, colon: int) -> tuple[int, str, SectionKind] | None:
    window = max(start, colon - _LONGEST - 14)
    tail = low[window:colon].rstrip(_MARKS)[-3:].lstrip(_MARKS)
    if tail not in _TAILS and low.find("(", window, colon) == -1:
        return None
    line = low.rfind("\n", window, colon) + 1
    if line or window == start:  # the line starts inside the window
        line = max(line, start)
        name = low[line:colon].strip(_MARKS)
        kind = _KINDS.get(name)
        if kind:
            return line, name, kind
    else:
        line = window
    # inline: `... stable. IMPRESSION: ...`, `,FINDINGS:,`
    cut = max(
        low.rfind(".", line, colon),
        low.rfind(",", line, colon),
        low.rfind(";", line, colon),
        low.rfind(")", line, colon),
    )
    if cut != -1:
        name = low[cut + 1 : colon].strip(_MARKS)
        kind = _KINDS.get(name)
        if kind in _INLINE:
            return cut + 1, name, kind
    # a date or a name in brackets between: `ADDENDUM (Nov 3):`, `IMPRESSION (prelim):`
    bracket = low.find("(", line, colon)
    if bracket != -1:
        name = low[line:bracket].strip(_MARKS)
        kind = _KINDS.get(name)
        if kind in _INLINE:
            return line, name, kind
    return None

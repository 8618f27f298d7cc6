"""Report text that FHIR keeps outside conclusion and presentedForm: result Observations, Composition sections, notes.

Epic sends a report's narrative and impression as Observations in `result`; HL7 Europe's imaging report as the sections
of a Composition, its notes in extensions; IHE IDR and R5 as `note`. Section codes (LOINC) become headings. Nothing is
judged here: what a heading means is for reading.
"""

import re
from collections.abc import Callable, Iterator

from cds_service.gather.accessors import Raw, child, children, codings, concept, number, text, walk_extensions
from cds_service.gather.references import reference_to, references_to
from cds_service.model import ReportPart
from cds_service.terminology.report_sections import HEADINGS

Find = Callable[[str], Raw | None]
MOST_RESULTS = 20  # Observations of one report
_MOST_SECTIONS = 60
_NOTE = "http://hl7.org/fhir/StructureDefinition/note"
_SAYS = re.compile(
    r"(impression|conclusion|recommendation|comparison|finding|history|indication|technique|addendum)[a-z-]*\Z",
    re.IGNORECASE,
)
_TITLES = {"finding": "FINDINGS"}


def structured(report: Raw, find: Find, base: str | None = None) -> Iterator[ReportPart]:
    """Each piece of narrative with the heading it stands under, in the report's own order."""
    language = text(report, "language")
    for composition in _compositions(report, find, base):
        for section in children(composition, "section")[:_MOST_SECTIONS]:
            yield from _section(section, text(composition, "language") or language)
    for reference in results(report, base)[:MOST_RESULTS]:
        observation = find(reference)
        if observation is not None and text(observation, "resourceType") in ("Observation", ""):
            words = _said(observation)
            if words:
                yield ReportPart("result", words, "", language, _heading(child(observation, "code")))
    notes = [words for note in children(report, "note") if (words := text(note, "text"))]
    for extension in children(report, "extension"):
        url = text(extension, "url")
        words = _words_of(extension)
        if url == _NOTE and words:
            notes.append(words)
        elif words and (says := _SAYS.search(url)):
            kind = says[1].lower()
            yield ReportPart("result", words, "", language, _TITLES.get(kind, kind.upper()))
    if notes:
        yield ReportPart("note", "\n\n".join(notes), "", language)


def results(report: Raw, base: str | None = None) -> tuple[str, ...]:
    """The Observations that a report names, in its order."""
    found = references_to(report, "result", base)
    return tuple(r for r in found if r.startswith(("Observation/", "#", "urn:")) or "/Observation/" in r)


def compositions(report: Raw, base: str | None = None) -> tuple[str, ...]:
    """The Composition that a report belongs to: an element in R5, an extension of whatever address in R4."""
    named = references_to(report, "composition", base)
    for extension in walk_extensions(report):
        reference = reference_to(extension, "valueReference", base)
        if reference.startswith("Composition/") or "omposition" in text(extension, "url"):
            named += (reference,)
    return tuple(dict.fromkeys(filter(None, named)))


def _compositions(report: Raw, find: Find, base: str | None) -> Iterator[Raw]:
    for reference in compositions(report, base):
        found = find(reference)
        if found is not None and text(found, "resourceType") == "Composition":
            yield found


def _section(section: Raw, language: str, depth: int = 3) -> Iterator[ReportPart]:
    """One section and those inside it: its notes, else its narrative."""
    notes = [words for extension in children(section, "extension") if (words := _words_of(extension))]
    content = "\n\n".join(notes) or ("" if "emptyReason" in section else text(child(section, "text"), "div"))
    heading = _heading(child(section, "code")) or text(section, "title")[:60]
    if content:
        yield ReportPart("composition", content, "", language, heading)
    if depth:
        for inner in children(section, "section")[:_MOST_SECTIONS]:
            yield from _section(inner, language, depth - 1)


def _heading(code: Raw) -> str:
    """The heading that a LOINC code stands for, else the code's own words where they are short enough for one."""
    for coding in codings(code):
        if coding.code in HEADINGS:
            return HEADINGS[coding.code]
    words = concept(code).words
    return words if len(words) <= 60 and "\n" not in words else ""


def _said(observation: Raw) -> str:
    """What an Observation says in words: its value, its notes, its components."""
    said = [_value(observation)]
    said += [text(note, "text") for note in children(observation, "note")]
    for component in children(observation, "component")[:MOST_RESULTS]:
        value = _value(component)
        if value:
            name = concept(child(component, "code")).words
            said.append(f"{name}: {value}" if name else value)
    return "\n".join(filter(None, said))


def _value(node: Raw) -> str:
    if words := text(node, "valueString") or text(node, "valueMarkdown"):
        return words
    if words := concept(child(node, "valueCodeableConcept")).words:
        return words
    quantity = child(node, "valueQuantity")
    amount = number(quantity.get("value"))
    if amount is None:
        return ""
    return f"{amount:g} {text(quantity, 'unit') or text(quantity, 'code')}".strip()


def _words_of(extension: Raw) -> str:
    return (
        text(extension, "valueString")
        or text(extension, "valueMarkdown")
        or text(child(extension, "valueAnnotation"), "text")
    )

"""Several renderings of one report are read once; what cannot be read is a gap, never `no finding`."""

import pytest

from cds_service.model import Reading, ReportPart
from cds_service.reading import Lexicon, read

REPORT = """MRI LUMBAR SPINE

HISTORY: Back pain.

FINDINGS:
L3-L4: No significant canal stenosis.
L4-L5: Disc bulge and facet arthropathy. Moderate central canal stenosis.
No nerve root compression.

IMPRESSION:
Moderate central canal stenosis at L4-L5.
"""


def part(content: str | bytes, origin: str = "presentedForm", content_type: str = "", language: str = "") -> ReportPart:
    """One rendering."""
    return ReportPart(origin, content, content_type, language)


def labels(reading: Reading) -> list[tuple[object, ...]]:
    """What was read, without where."""
    return [
        (f.concept, f.assertion, f.severity, f.levels, f.side, f.size_mm, f.suspicion, f.value, f.section)
        for f in reading.findings
    ]


def test_a_conclusion_that_the_report_contains_is_not_read_twice(lexicon: Lexicon) -> None:
    """The impression sent again as `conclusion` adds no finding."""
    alone = read((part(REPORT.encode()),), lexicon)
    both = read((part("Moderate central canal stenosis at L4-L5.", "conclusion"), part(REPORT.encode())), lexicon)
    assert labels(both) == labels(alone)


def test_a_conclusion_of_its_own_is_the_impression(lexicon: Lexicon) -> None:
    """A conclusion that stands nowhere else is read, as impression."""
    reading = read((part("Severe canal stenosis at L5-S1.", "conclusion"), part(REPORT.encode())), lexicon)
    assert ("spinal-stenosis", "present", "severe", ("L5-S1",), None, None, None, None, "impression") in labels(reading)


def test_a_conclusion_code_display_is_read(lexicon: Lexicon) -> None:
    """The words of a coded conclusion count like a conclusion."""
    reading = read((part("Spinal stenosis of lumbar region", "conclusionCode"),), lexicon)
    assert [(f.concept, f.section) for f in reading.findings] == [("spinal-stenosis", "impression")]


def test_line_ends_and_html_do_not_change_what_is_read(lexicon: Lexicon) -> None:
    """LF, CRLF, HL7 escapes, non-breaking blanks and simple HTML twins read the same."""
    plain = labels(read((part(REPORT.encode()),), lexicon))
    html = "<div>" + REPORT.replace("\n", "<br/>") + "</div>"
    for twin in (
        REPORT.replace("\n", "\r\n").encode(),
        REPORT.replace("\n", "\\.br\\"),
        REPORT.replace(" ", "\u00a0"),
        html,
        REPORT.encode("latin-1"),
        b"\xef\xbb\xbf" + REPORT.encode(),
    ):
        assert labels(read((part(twin),), lexicon)) == plain


def test_a_twin_rendering_is_read_once(lexicon: Lexicon) -> None:
    """Plain text and HTML of one report give one set of findings."""
    html = ("<html><body><p>" + REPORT.replace("\n", "<br>") + "</p></body></html>").encode()
    assert labels(read((part(REPORT.encode()), part(html, "text", "text/html")), lexicon)) == labels(
        read((part(REPORT.encode()),), lexicon)
    )


def test_latin_1_bytes_are_read(lexicon: Lexicon) -> None:
    """Bytes that are not UTF-8 are taken as Latin-1."""
    reading = read((part("Moderate canal stenosis at L4-L5 \xb1 2 mm.".encode("latin-1")),), lexicon)
    assert reading.findings
    assert reading.findings[0].severity == "moderate"


@pytest.mark.parametrize("head", [b"PK\x03\x04", b"\x00\x01\x02", b"\xff\xd8\xff\xe0"])
def test_what_is_no_text_is_a_gap(head: bytes, lexicon: Lexicon) -> None:
    """Other binary content is named as unsupported by its first bytes, whatever its declared type."""
    reading = read((part(head + b" mass " * 20, content_type="text/plain"),), lexicon)
    assert [(g.what, g.why) for g in reading.gaps] == [("presentedForm", "attachment-unsupported")]
    assert not reading.findings


@pytest.mark.parametrize(
    "text",
    [
        "Keine Metastasen. Die Lunge ist frei und der Herzschatten nicht verbreitert. Kein Nachweis von Rundherden.",
        "No hay evidencia de metástasis en el hígado. Los pulmones están limpios y sin nódulos.",
        "Het onderzoek is niet afwijkend. Er is geen aanwijzing voor metastasen van de lever.",
        "Absence de lésion suspecte du foie. Les poumons sont libres et le coeur est normal dans les limites.",
    ],
)
def test_another_language_is_a_gap(text: str, lexicon: Lexicon) -> None:
    """A report that is not in English is never read as without findings."""
    reading = read((part(text.encode()),), lexicon)
    assert [g.why for g in reading.gaps] == ["language-unsupported"]
    assert not reading.findings


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   \n\n",
        "FINDINGS:\n\nIMPRESSION:\n",
        "FINDINGS:\nLiver: [ ]\nSpleen: [ ]\nIMPRESSION:\n[ ]\n[ ]",
        "HISTORY: Rule out metastasis.\nTECHNIQUE: CT of the chest.",
        "IMPRESSION: See attached report.",
    ],
)
def test_nothing_narrated_is_a_gap(text: str, lexicon: Lexicon) -> None:
    """A template, an empty report and a pointer elsewhere are `no-narrative`."""
    assert "no-narrative" in [g.why for g in read((part(text.encode()),), lexicon).gaps]


def test_a_report_too_long_is_read_in_part_and_says_so(lexicon: Lexicon) -> None:
    """Text beyond 64 kB is a gap, and what comes before it is read."""
    reading = read((part(REPORT + "The heart is normal. " * 5000),), lexicon)
    assert "text-too-long" in [g.why for g in reading.gaps]
    assert any(f.concept == "spinal-stenosis" for f in reading.findings)
    assert len(reading.text) <= 64 * 1024


def test_a_sentence_too_long_is_a_gap(lexicon: Lexicon) -> None:
    """Words beyond 600 characters of one sentence are not judged, because their negation may stand too far."""
    reading = read((part("No evidence of " + "normal tissue and " * 60 + "metastasis."),), lexicon)
    assert "sentence-too-long" in [g.why for g in reading.gaps]
    assert not reading.findings


def test_the_same_content_is_read_once(lexicon: Lexicon) -> None:
    """A second call with equal parts returns the very same reading."""
    assert read((part(REPORT),), lexicon) is read((part("".join(REPORT)),), lexicon)


def test_no_parts_is_no_narrative(lexicon: Lexicon) -> None:
    """A report without any rendering is a gap."""
    assert [g.why for g in read((), lexicon).gaps] == ["no-narrative"]


def test_structured_pieces_read_as_their_headings_say(lexicon: Lexicon) -> None:
    """Findings and impression sent as pieces are one report in the order sent; a feared thing stays feared."""
    pieces = (("Narrative", "L4-L5: Severe canal stenosis."), ("INDICATION", "Rule out metastasis."),
              ("IMPRESSION", "Severe canal stenosis at L4-L5."), ("ADDENDUM", "There is a metastasis."))  # fmt: skip
    reading = read(tuple(ReportPart("result", words, heading=heading) for heading, words in pieces), lexicon)
    assert [(f.concept, f.assertion, f.section) for f in reading.findings] == [
        ("spinal-stenosis", "present", "findings"),
        ("metastasis", "indication", "indication"),
        ("spinal-stenosis", "present", "impression"),
        ("metastasis", "present", "addendum"),
    ]

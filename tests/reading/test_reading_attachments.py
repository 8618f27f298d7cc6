"""A report reads the same in every format it is sent in; what cannot be read is a named gap, quickly."""

import base64
import logging
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
from documents import (
    REPORT,
    as_cda,
    as_hl7,
    as_html,
    as_pdf,
    as_rtf,
    packed,
    raw_pdf,
    scanned_pdf,
    wrapped,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cds_service.model import Reading, ReportPart
from cds_service.reading import Lexicon, pdf, read

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
NAMED = {
    "attachment-unsupported", "attachment-unreadable", "attachment-encrypted", "attachment-scanned",
    "attachment-too-large", "attachment-too-long", "text-too-long", "sentence-too-long", "too-many-mentions",
    "reading-too-slow", "language-unsupported", "no-narrative",
}  # fmt: skip


def reading_of(
    content: str | bytes, lexicon: Lexicon, content_type: str = "", origin: str = "presentedForm"
) -> Reading:
    """One rendering, read."""
    return read((ReportPart("presentedForm", content, content_type),), lexicon)


def labels(reading: Reading) -> list[tuple[object, ...]]:
    """What was read, with its quote."""
    return [
        (f.concept, f.assertion, f.severity, f.levels, f.side, f.size_mm, f.suspicion, f.value, f.section, f.quote)
        for f in reading.findings
    ]


def whys(reading: Reading) -> list[str]:
    """The names of its gaps."""
    return [gap.why for gap in reading.gaps]


TWINS: dict[str, Callable[[], str | bytes]] = {
    "wrapped at 72": wrapped,
    "wrapped at 60, CRLF": lambda: wrapped(width=60).replace("\n", "\r\n").encode(),
    "html": as_html,
    "html, windows-1252": lambda: as_html().encode("cp1252"),
    "html of lines": lambda: "<div>" + wrapped().replace("\n", "<br>") + "</div>",
    "html, preformatted": lambda: f"<html><body><pre>{wrapped()}</pre></body></html>",
    "html, blanks kept by style": lambda: f'<div style="white-space: pre-wrap">{wrapped()}</div>',
    "rtf": as_rtf,
    "rtf, as text": lambda: as_rtf().decode(),
    "rtf of lines": lambda: as_rtf(wrapped()),
    "cda": as_cda,
    "cda, plain body": lambda: (
        '<?xml version="1.0"?><ClinicalDocument><title>Metastasis</title><component><nonXMLBody><text mediaType='
        f'"text/plain"><![CDATA[{REPORT}]]></text></nonXMLBody></component></ClinicalDocument>'
    ),
    "pdf": as_pdf,
    "pdf, small type": lambda: as_pdf(size=8),
    "pdf of lines": lambda: as_pdf(wrapped(width=60)),
    "pdf, running head on small pages": lambda: as_pdf(running_head=True),
    "pdf behind a mail header": lambda: b"Content-Type: application/pdf\r\n\r\n" + as_pdf(),
    "pdf in base64 once more": lambda: base64.b64encode(as_pdf()),
    "hl7": as_hl7,
    "hl7, hex": lambda: REPORT.replace("\n", "\\X0D\\\\X0A\\"),
    "hl7 message": lambda: (
        "MSH|^~\\&|RIS|H|EHR|H|20261101||ORU^R01|1|P|2.5\rPID|1||1||Metastasis^Mass\rOBR|1|||MR\r"
        + "\r".join(f"OBX|{n}|TX|GDT||{line}||||||F" for n, line in enumerate(REPORT.split("\n"), 1))
    ),
    "utf-16": lambda: REPORT.encode("utf-16"),
    "utf-16 without a mark": lambda: REPORT.encode("utf-16-be"),
    "utf-8 with a mark": lambda: REPORT.encode("utf-8-sig"),
    "pages": lambda: "Head A-1\nPage 1 of 2\n" + REPORT.replace("L5-S1", "\fHead A-1\nPage 2 of 2\nL5-S1", 1),
}


@pytest.mark.parametrize("name", TWINS)
def test_a_twin_reads_the_same(name: str, lexicon: Lexicon) -> None:
    """The same findings with the same quotes, whatever the format, and whatever type was declared."""
    plain = labels(reading_of(REPORT, lexicon))
    assert len(plain) >= 12
    twin = reading_of(TWINS[name](), lexicon, "application/octet-stream")
    assert labels(twin) == plain
    assert not twin.gaps


def test_upper_case_reads_the_same(lexicon: Lexicon) -> None:
    """A report in capitals differs in nothing but the quotes, plain or wrapped."""
    mixed = [line[:-1] for line in labels(reading_of(REPORT, lexicon))]
    for upper in (REPORT.upper(), wrapped(REPORT.upper()), as_rtf(REPORT.upper())):
        assert [line[:-1] for line in labels(reading_of(upper, lexicon))] == mixed


@pytest.mark.parametrize(
    "renderings", [("html", "pdf"), ("pdf, running head on small pages", "cda", "rtf", "wrapped at 72")]
)
def test_several_renderings_are_read_once(renderings: tuple[str, ...], lexicon: Lexicon) -> None:
    """PDF, HTML, RTF and text of one report give one set of findings, in any order."""
    plain = labels(reading_of(REPORT, lexicon))
    for names in (renderings, renderings[::-1]):
        parts = []
        for name in names:
            content = TWINS[name]()
            parts.append(ReportPart("presentedForm", content))
        assert labels(read(tuple(parts), lexicon)) == plain


def test_what_only_one_rendering_says_is_read(lexicon: Lexicon) -> None:
    """An addendum that only the PDF holds is read under its heading, beside the HTML without it."""
    added = REPORT + "\nADDENDUM:\nOn further review there is a 7 mm nodule in the right lower lobe.\n"
    reading = read((ReportPart("presentedForm", as_html()), ReportPart("presentedForm", as_pdf(added))), lexicon)
    new = [line for line in labels(reading) if line not in labels(reading_of(REPORT, lexicon))]
    assert [(line[0], line[5], line[8]) for line in new] == [("lesion", 7.0, "addendum")]


def test_words_of_an_indication_do_not_hide_a_conclusion(lexicon: Lexicon) -> None:
    """What the indication fears and the conclusion states is a finding, though the words are the same."""
    report = "INDICATION:\nSevere canal stenosis.\n\nFINDINGS:\nNo fracture of the spine."
    parts = (ReportPart("presentedForm", report), ReportPart("conclusion", "Severe canal stenosis."))
    found = [(f.assertion, f.section) for f in read(parts, lexicon).findings if f.concept == "spinal-stenosis"]
    assert ("present", "impression") in found


def test_a_denial_does_not_hide_a_conclusion(lexicon: Lexicon) -> None:
    """`Severe canal stenosis.` is not contained in `No severe canal stenosis.`"""
    parts = (ReportPart("presentedForm", "FINDINGS: No severe canal stenosis at L3-L4 and above."),
             ReportPart("conclusion", "Severe canal stenosis."))  # fmt: skip
    assert "present" in [f.assertion for f in read(parts, lexicon).findings]


def test_a_form_that_cannot_be_read_leaves_no_gap_beside_its_twin(lexicon: Lexicon) -> None:
    """FHIR: all presentedForms are one content. A scanned twin of a readable HTML is nothing unknown; alone it is."""
    scan = ReportPart("presentedForm", scanned_pdf())
    assert not read((ReportPart("presentedForm", as_html()), scan), lexicon).gaps
    assert whys(read((ReportPart("conclusion", "Severe canal stenosis."), scan), lexicon)) == ["attachment-scanned"]


def test_table_rows_are_lines(lexicon: Lexicon) -> None:
    """A row of cells is one line whose first cell is its label, in HTML and in RTF; rows do not run into each other."""
    rows = [("L3-L4", "No canal stenosis"), ("L4-L5", "Severe canal stenosis", "Moderate left foraminal stenosis")]
    table = "<table>" + "".join("<tr>" + "".join(f"<td>{c}</td>" for c in row) + "</tr>" for row in rows) + "</table>"
    loose = table.replace("</tr>", "").replace("</td>", "")
    rtf = "{\\rtf1 " + "".join("\\trowd " + "".join(f"{c}\\cell " for c in row) + "\\row " for row in rows) + "}"
    for sent in (table, loose, rtf):
        reading = reading_of(f"{sent}", lexicon)
        assert reading.text.split("\n") == [
            "L3-L4: No canal stenosis",
            "L4-L5: Severe canal stenosis; Moderate left foraminal stenosis",
        ]
        found = [(f.assertion, f.severity, f.levels) for f in reading.findings]
        assert found == [("absent", None, ("L3-L4",)), ("present", "severe", ("L4-L5",)),
                         ("present", "moderate", ("L4-L5",))]  # fmt: skip


def test_a_denial_does_not_reach_over_a_line_that_the_writer_ended(lexicon: Lexicon) -> None:
    """Two paragraphs, items or lines without full stops stay two statements."""
    first, second = "No evidence of fracture or malalignment of the lumbar spine", "Severe canal stenosis at L4-L5"
    for sent in (
        f"{first}\n{second}",
        f"<p>{first}</p><p>{second}</p>",
        f"<ul><li>{first}<li>{second}</ul>",
        "{\\rtf1 " + f"{first}\\par {second}" + "}",
        as_pdf(f"{first}\n{second}"),
    ):
        found = {(f.concept, f.assertion) for f in reading_of(sent, lexicon).findings}
        assert ("spinal-stenosis", "present") in found


def test_section_codes_are_headings(lexicon: Lexicon) -> None:
    """The IHE IDR narrative names its sections by LOINC class; a CDA section without a title by its code."""
    idr = (
        '<div xmlns="http://www.w3.org/1999/xhtml"><div class="loinc-55115-0"><h2>Order:</h2>'
        '<p>Rule out metastasis.</p></div><div class="loinc-59776-5"><p>No fracture.</p></div>'
        '<div class="loinc-19005-8"><h2>Impression</h2><ul><li>Severe canal stenosis.</li></ul></div></div>'
    )
    found = [(f.concept, f.assertion, f.section) for f in reading_of(idr, lexicon).findings]
    assert ("metastasis", "indication", "indication") in found
    assert ("spinal-stenosis", "present", "impression") in found
    cda = (
        "<ClinicalDocument><component><structuredBody><component><section><code code='55115-0'/>"
        "<text>Metastasis?</text></section></component>"
        "<component><section><code code='19005-8'/><text>Severe canal stenosis.</text></section>"
        "</component></structuredBody></component></ClinicalDocument>"
    )
    found = [(f.concept, f.section) for f in reading_of(cda, lexicon).findings]
    assert found == [("metastasis", "indication"), ("spinal-stenosis", "impression")]


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ("Mass \u2265 5 mm \u2013 patient\u2019s".encode().decode("cp1252"), "Mass ≥ 5 mm - patient's"),
        ("Mass ± 5 mm".encode("cp1252"), "Mass ± 5 mm"),
        ("Smith\u2019s mass \u2013 5 mm".encode("cp1252"), "Smith's mass - 5 mm"),
        ("Mass \u00b1 5 mm".encode().decode("latin-1").encode(), "Mass ± 5 mm"),
        ("Mass &amp; node, 3 \\T\\ 4, \\S\\, \\H\\bold\\N\\.", "Mass &amp; node, 3 & 4, ^, bold."),
        ("<p>Mass &amp; node &lt;5 mm&#8211;6&#99999999999999;</p>", "Mass & node <5 mm-6"),
        ("Nodules <5 mm and >3 mm", "Nodules <5 mm and >3 mm"),
        ("{\\rtf1\\ansi Mass \\u8805? 5\\'a0mm \\{a\\}\\par}", "Mass ≥ 5 mm {a}"),
        ("Mass ~ 5 mm", "Mass ~ 5 mm"),
        ("FINDINGS:~Mass.~Node.~Cyst", "FINDINGS:\nMass.\nNode.\nCyst"),
    ],
)
def test_characters_come_out_right(sent: str | bytes, text: str, lexicon: Lexicon) -> None:
    """Latin-1, Windows-1252, UTF-8 decoded wrongly, entities and escapes become what was meant."""
    assert reading_of(sent, lexicon).text == text


def nested(opening: str, closing: str, times: int) -> str:
    """Elements inside each other."""
    return opening * times + "Mass." + closing * times


LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "mass"><!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;&lol;&lol;">'
    '<!ENTITY lol3 "&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;"><!ENTITY x SYSTEM "file:///etc/passwd">]>'
    "<html><body><p>&lol3; &x;</p></body></html>"
)
BROKEN: dict[str, tuple[Callable[[], str | bytes], set[str]]] = {
    "encrypted pdf": (lambda: as_pdf(owner_password="o", user_password="u"), {"attachment-encrypted"}),
    "scanned pdf": (scanned_pdf, {"attachment-scanned"}),
    "pdf cut short": (lambda: as_pdf()[:400], {"attachment-unreadable", "attachment-scanned"}),
    "pdf without its streams": (lambda: raw_pdf(content=b"\x78\x9cnot zlib"), {"attachment-scanned"}),
    "pdf of a bomb": (lambda: raw_pdf(content=packed(b" " * 200_000_000)), {"attachment-too-large"}),
    "pdf of a bomb packed twice": (
        lambda: raw_pdf(content=packed(b" " * 60_000_000, 2), filters=b"[/FlateDecode/FlateDecode]"),
        {"attachment-too-large"},
    ),
    "pdf of a million pages": (
        lambda: raw_pdf(100_000, packed(b"BT /F 9 Tf 20 200 Td (Mass.) Tj ET")),
        {"attachment-too-long"},
    ),
    "zip": (lambda: b"PK\x03\x04" + b"mass" * 50, {"attachment-unsupported"}),
    "dicom": (lambda: bytes(128) + b"DICM" + b"mass" * 50, {"attachment-unsupported"}),
    "too many bytes": (lambda: b"Mass. " * 2_000_000, {"attachment-too-large"}),
    "html nested": (lambda: nested("<div>", "</div>", 20_000), {"attachment-too-large"}),
    "html of rows": (lambda: nested("<table><tr><td>", "", 3_000), {"attachment-too-large"}),
    "html without an end": (lambda: "<html>" + "<a " * 20_000, {"no-narrative"}),
    "html of tags": (lambda: "<html>" + "<p" * 30_000, {"no-narrative"}),
    "html of comments": (lambda: "<html>" + "<!-- " * 13_000, {"no-narrative"}),
    "html of scripts": (lambda: "<html>" + "<script>" * 8_000, {"no-narrative"}),
    "xml of entities": (lambda: LAUGHS, set()),
    "rtf nested": (lambda: "{\\rtf1 " + "{" * 60_000, {"attachment-too-large"}),
    "rtf of backslashes": (lambda: "{\\rtf1" + "\\" * 60_001, set()),
    "rtf of fields": (lambda: "{\\rtf1" + "{\\field{\\*\\fldinst{HYPERLINK" * 2_000, {"attachment-too-large"}),
    "base64 of nothing": (lambda: b"JVBERi0" + b"A" * 60_001, {"attachment-unreadable"}),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_read_is_a_gap_quickly(name: str, lexicon: Lexicon) -> None:
    """Encrypted, scanned, broken and hostile attachments end in a named gap within a second."""
    make, expected = BROKEN[name]
    sent = make()
    reading_of("Mass.", lexicon)
    before = time.process_time()
    reading = reading_of(sent, lexicon)
    assert time.process_time() - before < 1.0
    assert set(whys(reading)) <= NAMED
    assert not expected or expected & set(whys(reading))
    if name == "pdf of a million pages":
        assert "Mass." in reading.text


def test_entities_are_not_expanded(lexicon: Lexicon) -> None:
    """No entity of a document is expanded, no file is fetched."""
    text = reading_of(LAUGHS, lexicon).text
    assert text == "&lol3; &x;"


SIGNS = list("<>/!-[]&;{}\\'|^~\"= \npdivtrhx1*u\x1e\x1f\x0c\udc80é’")
SEEDS = [as_pdf(), as_rtf(), as_html().encode(), as_cda().encode(), REPORT.encode("utf-16"), as_hl7().encode()]


@QUICK
@given(
    seed=st.sampled_from(SEEDS),
    wounds=st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=6)), max_size=8),
    end=st.floats(0, 1),
)
def test_a_damaged_attachment_is_text_or_a_gap(
    seed: bytes, wounds: list[tuple[float, bytes]], end: float, lexicon: Lexicon
) -> None:
    """Bytes changed, put in and cut off anywhere: never an exception, always a text or a named gap, soon."""
    sent = bytearray(seed)
    for where, what in wounds:
        at = int(where * len(sent))
        sent[at : at + len(what) // 2] = what
    sent = sent[: int(len(sent) * (0.2 + 0.8 * end))]
    before = time.process_time()
    reading = reading_of(bytes(sent), lexicon)
    assert time.process_time() - before < 2.0
    assert reading.text or reading.gaps
    assert set(whys(reading)) <= NAMED
    assert all(f.quote == reading.text[f.start : f.end] for f in reading.findings)


@QUICK
@given(
    head=st.sampled_from([b"", b"%PDF-1.7\n", b"{\\rtf1 ", b"<html>", b"<?xml?>", b"\xff\xfe", b"MSH|"]),
    rest=st.binary(max_size=400),
)
def test_any_bytes_are_text_or_a_gap(head: bytes, rest: bytes, lexicon: Lexicon) -> None:
    """Any bytes behind any beginning: never an exception."""
    reading = reading_of(head + rest, lexicon)
    assert reading.text or reading.gaps
    assert set(whys(reading)) <= NAMED


@QUICK
@given(
    text=st.text(alphabet=st.sampled_from(list("<>/!-[]&;{}\\'|^~\"= \npdivtrhx1*u\x1e\x1f\x0c\udc80é’")), max_size=200)
)
def test_any_characters_are_text_or_a_gap(text: str, lexicon: Lexicon) -> None:
    """The signs of every markup, anyhow: never an exception, in a string or in bytes."""
    for sent in (text, f"<div>{text}", "{\\rtf1 " + text, text.encode("utf-8", "surrogatepass")):
        reading = reading_of(sent, lexicon)
        assert reading.text or reading.gaps


def test_no_report_text_is_logged(
    lexicon: Lexicon, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """With every logger at DEBUG, third-party ones too, no word of a report is logged, printed or warned about."""
    mark = "Zyxwvutum"
    sent = [as_pdf(mark), as_rtf(mark), as_html(mark), as_cda(f"X\n\nFINDINGS: {mark}"), mark.encode("utf-16"),
            as_pdf(mark)[:-300], b"%PDF-1.4 " + mark.encode(), "{\\rtf1 {" + mark]  # fmt: skip
    caplog.clear()
    loggers = [logging.getLogger(name) for name in [None, *logging.root.manager.loggerDict]]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    try:
        assert all(mark in reading_of(one, lexicon).text for one in sent[:5])
        for one in sent[5:]:
            reading_of(one, lexicon)
        captured = capfd.readouterr()
        assert not caplog.records
        assert captured.out + captured.err == ""
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def test_a_pdf_that_took_too_long_is_named_and_tried_again(lexicon: Lexicon, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time out, and a wait for another PDF that was too long, are gaps of the moment: they are not kept."""
    sent = as_pdf(REPORT.replace("psoas", "iliopsoas"))
    monkeypatch.setattr(pdf, "_SECONDS", -1.0)
    assert whys(reading_of(sent, lexicon)) == ["reading-too-slow"]
    monkeypatch.setattr(pdf, "_SECONDS", 0.01)
    with pdf._lock:
        assert whys(reading_of(sent, lexicon)) == ["reading-too-slow"]
    monkeypatch.undo()
    assert not reading_of(sent, lexicon).gaps


def test_pdfium_is_loaded_by_the_first_pdf_alone() -> None:
    """Starting the service and reading other formats imports no PDF library."""
    program = (
        "import sys, cds_service.app\nfrom pathlib import Path\nfrom cds_service.reading import load_lexicon, read\n"
        "from cds_service.model import ReportPart\n"
        "read((ReportPart('presentedForm', '<p>Mass.</p>'),), load_lexicon(Path(sys.argv[1])))\n"
        "print([m for m in sys.modules if 'pdf' in m.lower()])"
    )
    folder = __file__.rsplit("/tests/", 1)[0] + "/cards/lexicon"
    done = subprocess.run([sys.executable, "-c", program, folder], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

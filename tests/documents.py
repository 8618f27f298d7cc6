"""One report in every format that EHRs send it in: real PDFs by fpdf2, RTF, HTML, CDA and HL7 v2 by hand."""

import base64
import textwrap
import zlib

from fpdf import FPDF

REPORT = """MRI LUMBAR SPINE WITHOUT CONTRAST

INDICATION: Low back pain with left leg pain. Rule out metastasis.

COMPARISON: None.

FINDINGS:
Vertebral body heights are maintained. There is no evidence of fracture, discitis or osteomyelitis at any of the levels that were imaged.
L3-L4: No significant canal stenosis.
L4-L5: Disc bulge, facet arthropathy and ligamentum flavum thickening resulting in moderate to severe central canal stenosis with moderate left neural foraminal narrowing.
L5-S1: Grade 1 anterolisthesis measuring 4 mm. No canal stenosis.
A 12 mm enhancing mass within the left psoas muscle is indeterminate.

IMPRESSION:
1. Moderate to severe central canal stenosis at L4-L5.
2. Indeterminate 12 mm left psoas mass.
"""  # noqa: E501  the lines of a report are as long as they are


def wrapped(report: str = REPORT, width: int = 72) -> str:
    """The report as plain text with its lines broken at a margin."""
    return "\n".join("\n".join(textwrap.wrap(line, width)) for line in report.split("\n"))


def as_html(report: str = REPORT) -> str:
    """Paragraphs and line breaks, as a report server writes them."""
    blocks = [block.replace("&", "&amp;").replace("<", "&lt;").split("\n") for block in report.strip().split("\n\n")]
    body = "".join("<p>" + "<br/>\n".join(lines) + "</p>\n" for lines in blocks)
    head = "<head><title>Report</title><style>p { color: red }</style><script>'<p>Mass.</p>'</script></head>"
    return f"<!DOCTYPE html>\n<html>{head}<body>{body}</body></html>"


def as_rtf(report: str = REPORT) -> bytes:
    """As a word processor writes it: tables of fonts and styles, a page header, escapes."""
    signs = {"\\": "\\\\", "{": "\\{", "}": "\\}"}
    body = "".join(
        signs.get(c, c) if ord(c) < 128 else f"\\u{ord(c)}?" for c in report.strip().replace("\n", "\n\\par ")
    )
    body = body.replace("\\\\par ", "\\par ")
    return (
        "{\\rtf1\\ansi\\ansicpg1252\\deff0{\\fonttbl{\\f0\\fswiss\\fcharset0 Arial;}{\\f1 Mass;}}"
        "{\\colortbl;\\red0\\green0\\blue0;}{\\stylesheet{\\s0 Normal;}}{\\*\\generator Metastasis 1.0;}"
        "{\\header\\pard Metastasis Hospital\\par}{\\info{\\title Tumor}}\\pard\\plain\\f0\\fs20 "
        + body
        + "\\par}\n\x00trailing mass"
    ).encode("ascii")


def as_cda(report: str = REPORT) -> str:
    """A CDA document: the header names a patient, each section has a code, a title and a text."""
    codes = {"INDICATION": "18785-6", "COMPARISON": "18834-2", "FINDINGS": "59776-5", "IMPRESSION": "19005-8"}
    sections = []
    for block in report.strip().split("\n\n")[1:]:
        title, _, text = block.partition(":")
        rows = "".join(f"<paragraph>{line}</paragraph>" for line in text.strip().split("\n"))
        code = f'<code code="{codes[title]}" codeSystem="2.16.840.1.113883.6.1"/>'
        sections.append(
            f"<component><section>{code}<title>{title.title()}</title><text>{rows}</text>"
            "<entry><observation><value>metastasis</value></observation></entry></section></component>"
        )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<?xml-stylesheet type="text/xsl" href="CDA.xsl"?>'
        '<ClinicalDocument xmlns="urn:hl7-org:v3"><title>MRI Lumbar Spine</title><recordTarget><patientRole><patient>'
        "<name>Mass Metastasis</name></patient></patientRole></recordTarget><component><structuredBody>"
        + "".join(sections)
        + "</structuredBody></component></ClinicalDocument>"
    )


def as_pdf(report: str = REPORT, *, running_head: bool = False, size: int = 11, **options: str) -> bytes:
    """A PDF whose lines break at its margin; with `running_head`, a head and a numbered foot on every page."""

    class Page(FPDF):
        def header(self) -> None:
            if running_head:
                self.set_font("helvetica", size=9)
                self.cell(0, 6, "General Hospital, Department of Radiology", new_x="LMARGIN", new_y="NEXT")
                self.cell(0, 6, "Accession A-1    Born 1950", new_x="LMARGIN", new_y="NEXT")

        def footer(self) -> None:
            if running_head:
                self.set_y(-15)
                self.cell(0, 6, f"Page {self.page_no()} of {{nb}}")

    pdf = Page(format=(148, 120) if running_head else "A4")
    pdf.set_auto_page_break(True, margin=20)
    pdf.add_page()
    pdf.set_font("helvetica", size=size)
    for line in report.split("\n"):
        if line:
            pdf.multi_cell(0, 5, line, align="L", new_x="LMARGIN", new_y="NEXT")
        else:
            pdf.ln(5)
    if options:
        pdf.set_encryption(**options)  # type: ignore[arg-type]
    return bytes(pdf.output())


def scanned_pdf() -> bytes:
    """A PDF that is a picture of a page."""
    pdf = FPDF()
    pdf.add_page()
    pdf.rect(20, 20, 100, 100, style="F")
    return bytes(pdf.output())


def raw_pdf(pages: int = 1, content: bytes = b"", *, filters: bytes = b"/FlateDecode") -> bytes:
    """A small PDF by hand: so many pages that share one content stream."""
    kids = b" ".join(b"3 0 R" for _ in range(pages))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count %d/Kids[%s]>>" % (pages, kids),
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
        b"<</Length %d/Filter %s>>stream\n%s\nendstream" % (len(content), filters, content),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    body = b"%PDF-1.4\n" + b"".join(b"%d 0 obj%s\nendobj\n" % (n, o) for n, o in enumerate(objects, 1))
    return body + b"trailer<</Root 1 0 R/Size 6>>\n%%EOF"


def packed(content: bytes, times: int = 1) -> bytes:
    """Compressed, so many times over."""
    for _ in range(times):
        content = zlib.compress(content, 9)
    return content


def as_hl7(report: str = REPORT) -> str:
    """One text field of an HL7 v2 message, its line ends escaped."""
    return report.replace("\\", "\\E\\").replace("&", "\\T\\").replace("\n", "\\.br\\")


def as_base64(content: bytes) -> str:
    """As FHIR sends bytes."""
    return base64.b64encode(content).decode()

"""From each rendering of a report, as it was sent, to normalised text; what cannot be read is a named gap.

Normalised means: one kind of line end, one blank between words, typographic dashes, quotes and blanks made plain,
soft-wrapped lines joined. Nothing else changes, so a quote is still what the radiologist wrote. The type of a rendering
is what its first bytes say, whatever its declared type is.
"""

import base64
import binascii
import re
import unicodedata
from dataclasses import dataclass

from cds_service.model import Gap, ReportPart
from cds_service.reading.charset import characters, repaired
from cds_service.reading.lines import unwrapped, without_running_heads
from cds_service.reading.markup import is_markup, text_of_markup
from cds_service.reading.rtf import text_of_rtf

MOST_CHARACTERS = 64 * 1024
_MOST_TEXT = 4 * MOST_CHARACTERS  # of text with its markup
MOST_BYTES = 8 * 1024 * 1024  # of an attachment: pictures in a PDF or RTF count
_UNREAD = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"\x89PNG", b"\xff\xd8\xff", b"II*\x00", b"MM\x00*", b"GIF8",
           b"\x1f\x8b", b"RIFF", b"\x00\x00\x00\x0cjP")  # fmt: skip
_PACKED = ("JVBERi0", "e1xydGY", "PGh0bW", "PCFET0NUWVBF", "PD94bWw")  # base64 of %PDF-, {\rtf, <htm, <!DOCTYPE, <?xml
_PLAIN = str.maketrans({
    "\u00a0": " ", "\u2007": " ", "\u202f": " ", "\u200b": None, "\ufeff": None, "\u00ad": None, "\ufffe": None,
    "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "-", "\u2015": "-", "\u2212": "-",
    "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2028": "\n", "\u2029": "\n", "\u0085": "\n",
})  # fmt: skip
_HL7 = re.compile(  # HL7 v2 chapter 2, escape sequences
    r"\\(?:(?P<line>\.(?:br|sp|in|ti|ce|fi|nf|sk)[^\\\n]{0,6})|(?P<sign>[FSTRE])|x(?P<hex>[0-9a-f]{2,12})"
    r"|[HN]|\.[a-z]{2}[^\\\n]{0,6}|[ZCM][0-9a-z]{0,12})\\",
    re.IGNORECASE,
)
_SIGNS = {"F": "|", "S": "^", "T": "&", "R": "~", "E": "\\"}
_SEGMENT = re.compile(r"^OBX\|[^|\n]*\|(?:TX|FT|ST|CE|CWE)\|[^|\n]*\|[^|\n]*\|([^|\n]*)", re.MULTILINE)
_HEX_RUN = re.compile(r"[0-9a-fA-F\s]{512,}")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]+")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1d\x1f\x7f-\x9f]+")


@dataclass(frozen=True, slots=True)
class Stretch:
    """One rendering kept in the joined text, and where."""

    origin: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Rendering:
    """One rendering as normalised text."""

    origin: str
    text: str


def renderings(parts: tuple[ReportPart, ...]) -> tuple[list[Rendering], list[Gap]]:
    """Every rendering that could be read, in the order sent, and what could not be read of the others.

    FHIR says that several presentedForms are one content in several formats: where one was read whole, that another
    could not be read leaves nothing unknown.
    """
    read: list[Rendering] = []
    gaps: list[Gap] = []
    excused: dict[str, list[Gap]] = {}  # by the heading they stand under: an addendum is a content of its own
    whole: set[str] = set()
    for part in parts:
        found: list[Gap] = []
        text = _text_of(part, found)
        if text:
            read.append(Rendering(part.origin, f"{part.heading}:\n{text}" if part.heading else text))
        if part.origin != "presentedForm":
            gaps += found
            continue
        if text and not found:
            whole.add(part.heading)
        excused.setdefault(part.heading, []).extend(found)
    for heading, missing in excused.items():
        if heading not in whole:
            gaps += missing
    return read, gaps


def _text_of(part: ReportPart, gaps: list[Gap]) -> str:
    content = part.content
    if isinstance(content, str):
        unpacked = _unpacked(content) if content.lstrip()[:12].startswith(_PACKED) else None
        return _text(content, part.origin, gaps) if unpacked is None else _of_bytes(unpacked, part.origin, gaps)
    return _of_bytes(content, part.origin, gaps)


def _of_bytes(content: bytes, what: str, gaps: list[Gap], again: bool = True) -> str:
    if len(content) > MOST_BYTES:
        gaps.append(Gap(what, "attachment-too-large", f"more than {MOST_BYTES} bytes"))
        return ""
    if b"%PDF-" in content[:1024]:
        from cds_service.reading.pdf import text_of_pdf

        return normalise(text_of_pdf(content, MOST_CHARACTERS, gaps, what))
    if content.startswith(_UNREAD) or content[128:132] == b"DICM":
        gaps.append(Gap(what, "attachment-unsupported"))
        return ""
    if content.lstrip()[:5] == b"{\\rtf":
        return _text(content.decode("latin-1"), what, gaps)  # RTF is ASCII that says how the rest is to be read
    cut = content[: 4 * _MOST_TEXT]
    text = characters(cut)
    if text is None:
        gaps.append(Gap(what, "attachment-unsupported"))
        return ""
    if again and text.lstrip()[:12].startswith(_PACKED):
        unpacked = _unpacked(text)
        if unpacked is not None:
            return _of_bytes(unpacked, what, gaps, again=False)
    return _text(text, what, gaps)


def _unpacked(text: str) -> bytes | None:
    """The bytes of a text that is base64 once more, or None where it is not."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None


def _text(text: str, what: str, gaps: list[Gap]) -> str:
    """Text as it was decoded, with the markup that it may hold taken off."""
    start = text[:64].lstrip()
    if start.startswith("{\\rtf"):
        plain = text_of_rtf(_cut(_HEX_RUN.sub(" ", text), what, gaps))
    elif start.startswith("%PDF-"):
        gaps.append(Gap(what, "attachment-unreadable", "PDF sent as text"))
        return ""
    else:
        text = _cut(text, what, gaps)
        if start.startswith("MSH|"):
            text = "\n".join(_SEGMENT.findall(text.replace("\r\n", "\n").replace("\r", "\n")))
        plain = text_of_markup(text) if is_markup(text) else text
    if plain is None:
        gaps.append(Gap(what, "attachment-too-large", "elements are nested beyond reason"))
        return ""
    return normalise(plain)


def _cut(text: str, what: str, gaps: list[Gap]) -> str:
    if len(text) > _MOST_TEXT:
        gaps.append(Gap(what, "text-too-long", f"only the first {_MOST_TEXT} characters with their markup"))
        return text[:_MOST_TEXT]
    return text


def normalise(text: str) -> str:
    """One line end, one blank, plain dashes and quotes, wrapped lines joined; the same for LF and CRLF twins."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\\" in text:
        text = _HL7.sub(_unescaped, text)
    if "\n" not in text and text.count("~") > 2:  # repetitions of an HL7 v2 field stand for lines
        text = re.sub(r"~(?! ?\d)", "\n", text)
    if not text.isascii():
        text = _make_plain(repaired(text))
        if not unicodedata.is_normalized("NFKC", text):
            text = _make_plain(unicodedata.normalize("NFKC", text))
    if "\f" in text:
        text = "\n".join(without_running_heads([page.strip("\n").split("\n") for page in text.split("\f")]))
    if not text.replace("\n", " ").isprintable():
        text = _CONTROL.sub(" ", text)
    while "  " in text:
        text = text.replace("  ", " ")
    return unwrapped(text)


def _unescaped(found: re.Match[str]) -> str:
    if found["line"]:
        return "\n"
    if found["sign"]:
        return _SIGNS[found["sign"].upper()]
    if found["hex"]:
        try:
            return bytes.fromhex(found["hex"]).decode("cp1252").replace("\r\n", "\n").replace("\r", "\n")
        except ValueError:
            return " "
    return ""


def _make_plain(text: str) -> str:
    return _BEYOND_ASCII.sub(lambda match: match[0].translate(_PLAIN), text)

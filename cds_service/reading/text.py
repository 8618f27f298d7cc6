"""From the renderings of a report to one normalised text that every offset points into.

Normalised means: one kind of line end, one blank between words, typographic dashes, quotes and blanks made plain,
soft-wrapped lines joined. Nothing else changes, so a quote is still what the radiologist wrote.
"""

import re
import unicodedata
from dataclasses import dataclass
from html.parser import HTMLParser

from cds_service.model import Gap, ReportPart

MOST_CHARACTERS = 64 * 1024
_MOST_BYTES = 4 * MOST_CHARACTERS
_BINARY = (b"%PDF", b"{\\rtf", b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"\x89PNG", b"\xff\xd8\xff", b"II*\x00", b"MM\x00*",
           b"GIF8", b"\x1f\x8b")  # fmt: skip
_PLAIN = str.maketrans({
    "\u00a0": " ", "\u2007": " ", "\u202f": " ", "\u200b": None, "\ufeff": None, "\u00ad": None,
    "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "-", "\u2015": "-", "\u2212": "-",
    "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2028": "\n", "\u2029": "\n", "\u0085": "\n",
})  # fmt: skip
_HL7 = re.compile(r"\\(?:\.br|\.sp|\.in|\.ce|x0[ad])[^\\\n]{0,6}\\", re.IGNORECASE)
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]+")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]+")
_ITEM = re.compile(r"(?:\(?\d{1,2}[.)]|[-*\u2022>]|[a-z][.)])\s")
_LABEL = re.compile(r"[A-Z0-9][A-Za-z0-9 /&(),-]{0,40}:")
_GOES_ON = re.compile(  # a line that starts so continues the one before, in capitals too
    r"(?:and|or|nor|with|without|of|in|at|on|to|for|from|by|is|are|was|were|which|that|than|the|mm|cm|x)\b",
    re.IGNORECASE,
)
_UNFINISHED = re.compile(
    r"(?:[,(/-]|\b(?:and|or|nor|with|without|of|in|at|on|to|for|from|by|is|are|was|were|which|that|than|the|a|an|no|not"
    r"|mild|moderate|severe|minimal|any|as|be|left|right|may|evidence|suspicious|concerning|consistent))$",
    re.IGNORECASE,
)
_WRAP_FROM = 45  # a line shorter than this was not broken by a margin
_SPACE_OUT = re.compile(r"[^a-z0-9]+")
_ONLY_WORDS = "".join(chr(code) if _SPACE_OUT.sub("", chr(code)) else " " for code in range(128))


@dataclass(frozen=True, slots=True)
class Stretch:
    """One rendering kept in the joined text, and where."""

    origin: str
    start: int
    end: int


def join(parts: tuple[ReportPart, ...]) -> tuple[str, tuple[Stretch, ...], list[Gap]]:
    """All renderings as one text, each content once, the fullest rendering first; and what could not be read."""
    gaps: list[Gap] = []
    kept: list[tuple[str, str]] = []
    for part in parts:
        text = _text_of(part, gaps)
        if text:
            kept.append((part.origin, text))
    if len(kept) > 1:
        kept = _without_twins(sorted(kept, key=lambda one: _RANK.get(one[0], 9)))
    joined: list[str] = []
    stretches: list[Stretch] = []
    at = 0
    for origin, text in kept:
        if at + len(text) > MOST_CHARACTERS:
            text = text[: max(0, MOST_CHARACTERS - at)]
            text = text[: max(text.rfind("\n"), text.rfind(" "), 0)]
            gaps.append(Gap(what=origin, why="reading-limit", detail=f"only the first {MOST_CHARACTERS} characters"))
            if not text:
                continue
        stretches.append(Stretch(origin, at, at + len(text)))
        joined.append(text)
        at += len(text) + 2
    return "\n\n".join(joined), tuple(stretches), gaps


def _without_twins(texts: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The texts that no other text contains, by their letters and digits; of equal ones the first."""
    keys = [_key_of(text) for _, text in texts]
    return [
        one
        for place, (one, key) in enumerate(zip(texts, keys, strict=True))
        if key
        and not any(
            place != other and key in theirs and (key != theirs or other < place) for other, theirs in enumerate(keys)
        )
    ]


def _key_of(text: str) -> str:
    low = text.lower()
    return " ".join(low.translate(_ONLY_WORDS).split()) if low.isascii() else _SPACE_OUT.sub(" ", low).strip()


_RANK = {"presentedForm": 0, "text": 1, "result": 2, "conclusion": 3, "conclusionCode": 4}


def _text_of(part: ReportPart, gaps: list[Gap]) -> str:
    content = part.content
    if isinstance(content, bytes):
        head = content[:1024].lstrip()
        if head.startswith(_BINARY) or b"\x00" in head:
            gaps.append(Gap(what=part.origin, why="attachment-unsupported"))
            return ""
        if len(content) > _MOST_BYTES:
            gaps.append(Gap(what=part.origin, why="reading-limit", detail=f"only the first {_MOST_BYTES} bytes"))
            content = content[:_MOST_BYTES]
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = content.decode("latin-1")
    elif len(content) > _MOST_BYTES:
        gaps.append(Gap(what=part.origin, why="reading-limit", detail=f"only the first {_MOST_BYTES} characters"))
        text = content[:_MOST_BYTES]
    else:
        text = content
    start = text[:512].lstrip().lower()
    if start.startswith(("%pdf", "{\\rtf")):
        gaps.append(Gap(what=part.origin, why="attachment-unsupported"))
        return ""
    if start.startswith(("<!doctype html", "<html", "<div", "<p>", "<body", "<?xml")) or "html" in part.content_type:
        text = _strip_html(text)
    return normalise(text)


def normalise(text: str) -> str:
    """One line end, one blank, plain dashes and quotes, wrapped lines joined; the same for LF and CRLF twins."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\\" in text:
        text = _HL7.sub("\n", text)
    if not text.isascii():
        text = _make_plain(text)
        if not unicodedata.is_normalized("NFKC", text):
            text = _make_plain(unicodedata.normalize("NFKC", text))
    if not text.replace("\n", " ").isprintable():
        text = _CONTROL.sub(" ", text)
    while "  " in text:
        text = text.replace("  ", " ")
    return _unwrap(text)


def _make_plain(text: str) -> str:
    return _BEYOND_ASCII.sub(lambda match: match[0].translate(_PLAIN), text)


def _unwrap(text: str) -> str:
    """Join a line to the one before where a margin, not the writer, broke it."""
    out: list[str] = []
    before = ""
    for raw in text.split("\n"):
        line = raw.strip()
        if before and line and _is_wrapped(before, line):
            out.append(" ")
        elif out:
            out.append("\n")
        out.append(line)
        before = line
    return "".join(out).strip()


def _is_wrapped(before: str, line: str) -> bool:
    last = before[-1]
    if last in ".:;!?":
        return False
    first = line[0]
    if first.islower():
        return not _ITEM.match(line)
    if _ITEM.match(line) or _LABEL.match(line):
        return False
    if len(before) >= _WRAP_FROM:
        return not before.isupper() or line.isupper()
    return bool(_UNFINISHED.search(before) or _GOES_ON.match(line))


class _Strip(HTMLParser):
    """Text of simple HTML, block elements on lines of their own."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self.hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002  (the parser's signature)
        if tag in ("script", "style", "head"):
            self.hidden += 1
        elif tag in _BLOCKS:
            self.out.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style", "head"):
            self.hidden = max(0, self.hidden - 1)
        elif tag in _BLOCKS and tag != "br":
            self.out.append("\n")

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.out.append(data)


_BLOCKS = frozenset(
    {"p", "div", "br", "li", "tr", "ul", "ol", "table", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "section"}
)


def _strip_html(text: str) -> str:
    strip = _Strip()
    strip.feed(text)
    strip.close()
    return "".join(strip.out)

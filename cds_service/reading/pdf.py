"""The text of a PDF by PDFium, its lines as the writer meant them.

PDFium is not thread-safe: one lock for the whole process. It cannot be interrupted either, so what could hold it for
long (streams that unpack to many megabytes, hundreds of pages) is refused before it is asked. It is loaded on first
use: a service that never meets a PDF does not pay for it.
"""

import ctypes
import re
import threading
import time
import zlib
from itertools import pairwise
from typing import Any

from cds_service.model import Gap
from cds_service.reading.lines import MEANT, is_wrapped, without_running_heads

MOST_PAGES = 40
_MOST_UNPACKED = 8 * 1024 * 1024  # of what is drawn or looked up; a page of text needs some 30 kB
_MOST_PACKED_IN = 48 * 1024 * 1024  # of pictures and fonts, which are not drawn
_MOST_STREAMS = 4000
_SECONDS = 0.5
_STREAM = re.compile(rb"stream\r?\n")
_ASIDE = re.compile(rb"/Image\b|/Length1\b|/FontFile|/Type1C\b|/CIDFontType0C\b|/OpenType\b|/ICCBased\b")
_CHUNK = 256 * 1024
_BLANK, _RAGGED = 3.0, 6.0  # points: the width of a blank, and how far a full line may stop before the margin
_HYPHENS = "\x02\ufffe\u00ad"
_lock = threading.Lock()


def text_of_pdf(raw: bytes, most: int, gaps: list[Gap], what: str) -> str:
    """The text, at most about `most` characters; "" with a gap where there is none to be had. Never raises."""
    if not _unpacks_small(raw):
        gaps.append(Gap(what, "attachment-too-large", "PDF streams unpack to more than is read"))
        return ""
    if not _lock.acquire(timeout=_SECONDS):
        gaps.append(Gap(what, "reading-too-slow", "another PDF is being read"))
        return ""
    try:
        return _read(raw, most, gaps, what)
    except Exception as error:  # noqa: BLE001  whatever a broken file makes PDFium's binding raise is one gap
        gaps.append(Gap(what, "attachment-unreadable", f"PDF: {type(error).__name__}"))
        return ""
    finally:
        _lock.release()


def _unpacks_small(raw: bytes) -> bool:
    """Whether the streams of a file, unpacked, stay within what is read; packed twice counts too."""
    room, aside = _MOST_UNPACKED, _MOST_PACKED_IN
    for number, match in enumerate(_STREAM.finditer(raw)):
        if number > _MOST_STREAMS:
            return False
        start = match.end()
        head = raw[start : start + 2]
        if len(head) < 2 or head[0] & 0x0F != 8 or (head[0] << 8 | head[1]) % 31:  # no zlib header (RFC 1950)
            continue
        is_aside = _ASIDE.search(raw, max(0, start - 600), start) is not None
        size = _unpacked(raw, start, aside if is_aside else room)
        if is_aside:
            aside -= size
        else:
            room -= size
        if room <= 0 or aside <= 0:
            return False
    return True


def _unpacked(raw: bytes, start: int, most: int, depth: int = 0) -> int:
    """How many bytes a stream unpacks to, counted no further than `most`."""
    end = raw.find(b"endstream", start)
    fed = memoryview(raw)[start : end if end != -1 else len(raw)]
    inflate = zlib.decompressobj()
    size = 0
    first = b""
    try:
        left: Any = fed
        while left and size < most and not inflate.eof:
            piece = inflate.decompress(left, _CHUNK)
            first = first or piece
            size += len(piece)
            left = inflate.unconsumed_tail
            if not piece and not left:
                break
    except zlib.error:
        return size  # PDFium keeps what it could unpack, and so no more than this
    if depth < 2 and len(first) >= 2 and first[0] & 0x0F == 8 and not (first[0] << 8 | first[1]) % 31:
        size += _unpacked(first, 0, most - size, depth + 1) * max(1, size // max(1, len(first)))
    return size


def _read(raw: bytes, most: int, gaps: list[Gap], what: str) -> str:
    import pypdfium2
    from pypdfium2.raw import FPDF_ERR_PASSWORD, FPDF_ERR_SECURITY

    try:
        document = pypdfium2.PdfDocument(raw)
    except pypdfium2.PdfiumError as error:
        locked = getattr(error, "err_code", None) in (FPDF_ERR_PASSWORD, FPDF_ERR_SECURITY)
        gaps.append(Gap(what, "attachment-encrypted" if locked else "attachment-unreadable", "PDF"))
        return ""
    try:
        return _text(document, most, gaps, what)
    finally:
        document.close()


def _text(document: Any, most: int, gaps: list[Gap], what: str) -> str:
    started = time.monotonic()
    count = len(document)
    pages: list[list[str]] = []
    size = broken = 0
    for number in range(min(count, MOST_PAGES)):
        if time.monotonic() - started > _SECONDS:
            gaps.append(Gap(what, "reading-too-slow", f"PDF: only the first {number} pages"))
            break
        if size > most:
            break  # the caller names that limit
        try:
            page = document[number]
        except Exception:  # noqa: BLE001  one page that cannot be opened does not lose the others
            broken += 1
            continue
        try:
            text_page = page.get_textpage()
            try:
                lines = _lines(text_page, most - size)
            finally:
                text_page.close()
        finally:
            page.close()
        pages.append(lines)
        size += sum(map(len, lines))
    if count > MOST_PAGES:
        gaps.append(Gap(what, "attachment-too-long", f"PDF: only the first {MOST_PAGES} of its pages"))
    if broken:
        gaps.append(Gap(what, "attachment-unreadable", f"PDF: {broken} pages could not be opened"))
    text = "\n".join(without_running_heads(pages))
    if not text.strip(f" \n{MEANT}") and len(pages) == count:
        gaps.append(Gap(what, "attachment-scanned", "PDF without text"))
    return text


def _lines(text_page: Any, most: int) -> list[str]:
    """The lines of a page: those that its margin broke are one, and what the writer ended begins with `MEANT`."""
    from pypdfium2.raw import FPDFText_GetCharBox

    count = text_page.count_chars()
    if count <= 0:
        return []
    text = text_page.get_text_range(0, min(count, most + 1024))
    box = [ctypes.c_double() for _ in range(4)]
    pointers = [ctypes.byref(edge) for edge in box]
    left, right, bottom, top = box

    def edges(index: int) -> tuple[float, float, float]:
        """Left and right edge and baseline of one character."""
        FPDFText_GetCharBox(text_page.raw, index, *pointers)
        return left.value, right.value, bottom.value if top.value else 0.0

    rows: list[tuple[str, float, float, float]] = []  # text, right edge, baseline, width of the first word
    at = 0
    for raw in text.split("\n"):
        line = raw.rstrip("\r")
        first = len(line) - len(line.lstrip())
        bare = line.strip()
        if bare:
            begin = at + first
            word = bare.partition(" ")[0]
            x0, _, y0 = edges(begin)
            rows.append((bare, edges(begin + len(bare) - 1)[1], y0, edges(begin + len(word) - 1)[1] - x0))
        at += len(raw) + 1
    margin = max((row[1] for row in rows), default=0.0)
    steps = sorted(abs(one[2] - next_[2]) for one, next_ in pairwise(rows) if one[2] != next_[2])
    leading = steps[len(steps) // 2] if steps else 0.0
    lines = [rows[0][0]] if rows else []
    for before, (bare, _, base, first_word) in pairwise(rows):
        fits = before[1] + _BLANK + first_word < margin - _RAGGED
        if abs(before[2] - base) > 1.55 * leading > 0 or (fits and not bare[0].islower()):
            lines.append(MEANT + bare)  # a gap between paragraphs, or the next word would have fitted
        elif before[0][-1] in _HYPHENS:
            lines[-1] = lines[-1][:-1] + ("-" if _keeps_hyphen(before[0], bare) else "") + bare
        elif not fits and is_wrapped(before[0], bare, width=1):
            lines[-1] += f" {bare}"
        else:
            lines.append(bare)
    return lines


def _keeps_hyphen(before: str, after: str) -> bool:
    """`non-`/`specific` and `L4-`/`L5` keep their hyphen, `steno-`/`sis` does not."""
    word = before[:-1].rpartition(" ")[2].lower()
    return not after[:1].islower() or word in {"non", "post", "pre", "well", "high", "low", "mid", "short", "long"}

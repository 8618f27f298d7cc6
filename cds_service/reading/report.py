"""One report's renderings in, one Reading out; the same renderings are read once."""

import hashlib
import threading
from collections import OrderedDict

from cds_service.anatomy import regions
from cds_service.model import Gap, Reading, ReportPart, Section
from cds_service.reading.assertion import lower
from cds_service.reading.findings import find
from cds_service.reading.language import is_empty, is_english
from cds_service.reading.lexicon import Lexicon
from cds_service.reading.resolve import conflicts, resolve
from cds_service.reading.sections import find_sections
from cds_service.reading.text import renderings
from cds_service.reading.twins import join

_KEPT = 512
_TITLE = 400  # characters
_Key = tuple[str, tuple[ReportPart, ...]]
_kept: OrderedDict[_Key, Reading] = OrderedDict()
_lock = threading.Lock()


def read(parts: tuple[ReportPart, ...], lexicon: Lexicon) -> Reading:
    """Everything the lexicon can find in these renderings; never raises on any content.

    Bounded in input (64 kB of text, 600 characters a sentence) and linear in time; cached by content.
    """
    key = (lexicon.digest, parts)  # the words themselves: a digest of them costs more than all else here
    with _lock:
        reading = _kept.get(key)
        if reading is not None:
            _kept.move_to_end(key)
            return reading
    reading = _read(parts, lexicon, _digest(parts, lexicon))
    if any(gap.why == "reading-too-slow" for gap in reading.gaps):
        return reading  # what was a matter of the moment is tried again
    with _lock:
        _kept[key] = reading
        if len(_kept) > _KEPT:
            _kept.popitem(last=False)
    return reading


def _digest(parts: tuple[ReportPart, ...], lexicon: Lexicon) -> str:
    digest = hashlib.blake2b(lexicon.digest.encode(), digest_size=16)
    for part in parts:
        content = part.content
        raw = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
        digest.update(
            f"\x00{part.origin}\x00{part.content_type}\x00{part.language}\x00{part.heading}\x00{len(raw)}\x00".encode()
        )
        digest.update(raw)
    return digest.hexdigest()


def _read(parts: tuple[ReportPart, ...], lexicon: Lexicon, digest: str) -> Reading:
    read_so_far, gaps = renderings(parts)
    text, stretches, more = join(read_so_far)
    gaps += more
    if not text:
        if not gaps:
            gaps.append(Gap(what="report", why="no-narrative"))
        return Reading(text="", sections=(), findings=(), gaps=tuple(gaps), digest=digest)
    low = lower(text)
    if not is_english(low, parts):
        gaps.append(Gap(what="report", why="language-unsupported"))
        return Reading(text=text, sections=(), findings=(), gaps=tuple(gaps), digest=digest)
    sections = find_sections(low, stretches)
    if is_empty(low, sections):
        gaps.append(Gap(what="report", why="no-narrative"))
    findings = resolve(find(text, low, sections, lexicon, gaps))
    return Reading(
        text=text, sections=sections, findings=findings, gaps=tuple(gaps), conflicts=conflicts(findings),
        examined=_examined(low, sections), digest=digest,
    )  # fmt: skip


def _examined(low: str, sections: tuple[Section, ...]) -> tuple[str, ...]:
    """The regions that the title block or the technique names; () where they name none."""
    for kind in ("header", "technique"):
        named = regions(" ".join([low[one.start : one.end] for one in sections if one.kind == kind])[:_TITLE])
        if named:
            return named
    return ()

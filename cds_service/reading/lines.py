"""Lines as the writer meant them: a margin's line break is undone, a page's running head does not cut a sentence.

`MEANT` marks, inside a text, a line end that its format says is one (a paragraph, a table row): it is never undone.
"""

import re
from collections import Counter

MEANT = "\x1e"
_ITEM = re.compile(r"(?:\(?\d{1,2}[.)]|[-*\u2022>]|[a-z][.)])\s")
_LABEL = re.compile(r"[A-Z0-9][A-Za-z0-9 /&(),-]{0,40}:")
_SMALL_LABEL = re.compile(r"[a-z][a-z0-9 /&-]{2,30}:")  # of one who writes no capitals
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
_WIDEST = 130  # a longer line was not written to a margin at all
_RAGGED = 12  # how far the lines of one margin differ
_PAGE = re.compile(r"\bpage\b|\b\d{1,3} ?(?:/|of) ?\d{1,3}\b", re.IGNORECASE)
_DIGITS = re.compile(r"\d+")
_HEAD = 5  # lines of a running head or foot at most


def unwrapped(text: str) -> str:
    """The text with every line joined to the one before where a margin, not the writer, broke it."""
    if "\n" not in text and MEANT not in text:
        return text.strip()
    lines = [raw.strip() for raw in text.replace(f"\n{MEANT}", MEANT).replace(MEANT, f"\n{MEANT}").split("\n")]
    width = _margin(lines)
    out: list[str] = []
    before = ""
    for line in lines:
        meant = line[:1] == MEANT
        if meant:
            line = line[1:].strip()
            if not line:
                before = ""
                continue
        if before and line and not meant and is_wrapped(before, line, width):
            out.append(" ")
        elif out:
            out.append("\n")
        out.append(line)
        before = line
    return "".join(out).strip()


def _margin(lines: list[str]) -> int:
    """How wide the lines were set, where enough of them end near one place; else 0."""
    widths = [len(line) for line in lines if line]
    widest = max(widths, default=0)
    if not _WRAP_FROM < widest <= _WIDEST:
        return 0
    full = sum(width >= widest - _RAGGED for width in widths)
    return widest if full >= 3 and full * 5 >= len(widths) else 0


def is_wrapped(before: str, line: str, width: int = 0) -> bool:
    """Whether `line` continues `before`; `width` is the margin they were set to, where that is known.

    Where in doubt they stay apart: a denial that reaches into the next finding hides it.
    """
    last = before[-1]
    first = line[0]
    full = width > 0 and len(before) + 1 + len(line.partition(" ")[0]) > width
    if last in ".:;!?":
        return (
            full and last == "." and first.isalpha() and not (_LABEL.match(line) or line.isupper() != before.isupper())
        )
    if first.islower():
        return not (_ITEM.match(line) or (_SMALL_LABEL.match(line) and not _UNFINISHED.search(before)))
    if _ITEM.match(line) or _LABEL.match(line):
        return False
    if _UNFINISHED.search(before):
        return True
    word = line.partition(" ")[0].strip(".,;:()")
    if len(word) > 2 and word.istitle() and not before.isupper():
        return False  # a new sentence: `No fracture` / `Severe stenosis`
    if line.isupper() and not before.isupper() and len(line) > 6:
        return bool(_GOES_ON.match(line))
    if full or (not width and len(before) >= _WRAP_FROM):
        return not before.isupper() or line.isupper()
    return bool(_GOES_ON.match(line))


def without_running_heads(pages: list[list[str]]) -> list[str]:
    """The lines of all pages, those that every page repeats at its top or foot (and page numbers) given once.

    Lines that differ in digits count as one only where they number the page: a size may never be taken for a twin.
    """
    if len(pages) < 2:
        return [line for page in pages for line in page]
    tops = Counter(key for page in pages for key in {_key(line) for line in page[:_HEAD]})
    feet = Counter(key for page in pages for key in {_key(line) for line in page[-_HEAD:]})
    needed = max(2, (len(pages) + 1) // 2)
    kept: list[str] = []
    for number, page in enumerate(pages):
        start, end = 0, len(page)
        while start < min(_HEAD, end) and _repeats(page[start], tops, needed):
            start += 1
        while end > max(start, len(page) - _HEAD) and _repeats(page[end - 1], feet, needed):
            end -= 1
        if number == 0:
            kept += [line for line in page[:start] if not _is_number(line)]
        kept += page[start:end]
        if number == len(pages) - 1:
            kept += [line for line in page[end:] if not _is_number(line)]
    return kept


def _key(line: str) -> str:
    low = line.strip(f" {MEANT}").lower()
    return _DIGITS.sub("#", low) if _PAGE.search(low) else low


def _repeats(line: str, seen: Counter[str], needed: int) -> bool:
    key = _key(line)
    return not key or seen[key] >= needed


def _is_number(line: str) -> bool:
    return len(line) < 24 and _PAGE.search(line) is not None

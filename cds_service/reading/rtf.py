"""The text of Rich Text Format, in one pass: groups that are not the document's text are left out.

Specification: Rich Text Format 1.9.1. Linear in the text for any content; half-written files give what they hold.
"""

import re

from cds_service.reading.lines import MEANT

_TOKEN = re.compile(
    r"\\([a-zA-Z]{1,32})(-?[0-9]{1,9})? ?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z])|([{}])|[\r\n]+|([^\\{}\r\n]+)"
)
_SKIPPED_WORDS = (
    "fonttbl colortbl stylesheet info pict object header headerl headerr headerf footer footerl footerr footerf "
    "footnote annotation listtable listoverridetable revtbl rsidtbl generator fldinst xmlnstbl themedata "
    "datastore colorschememapping latentstyles datafield mmathPr pgptbl filetbl atnid atnauthor bkmkstart bkmkend "
    "template operator author title subject keywords comment doccomm nonshppict shpinst objdata"
)
_SKIPPED = frozenset(_SKIPPED_WORDS.split())
_WORDS = {
    "par": "\n", "line": "\n", "sect": "\n\n", "page": "\n", "column": "\n", "row": MEANT, "nestrow": MEANT,
    "cell": "\x1f", "nestcell": "\x1f", "tab": " ", "emdash": "\u2014", "endash": "\u2013", "emspace": " ",
    "enspace": " ", "qmspace": " ", "bullet": "\u2022", "lquote": "\u2018", "rquote": "\u2019",
    "ldblquote": "\u201c", "rdblquote": "\u201d",
}  # fmt: skip
_SIGNS = {"~": " ", "-": "", "_": "-", "{": "{", "}": "}", "\\": "\\", "\n": "\n", "\r": "\n"}
_DEEPEST = 2000
_PAGES = {"437": "cp437", "850": "cp850", "1250": "cp1250", "1251": "cp1251", "1253": "cp1253", "1254": "cp1254",
          "65001": "utf-8", "10000": "mac-roman"}  # fmt: skip


def text_of_rtf(source: str) -> str | None:
    """The document's text, with `MEANT` at the ends of table rows; None where the groups are nested beyond reason."""
    out: list[str] = []
    stack: list[tuple[bool, int]] = []
    skipped, fallback = False, 1  # whether this group is text; how many characters stand in for one \\u
    left = 0  # characters still to be passed over
    pending = bytearray()
    encoding = "cp1252"
    starred = False
    at, end = 0, len(source)
    while at < end:
        token = _TOKEN.match(source, at)
        if token is None:  # a lone backslash at the very end
            break
        at = token.end()
        word, number, byte, sign, brace, run = token.groups()
        if byte is not None:
            if left:
                left -= 1
            elif not skipped:
                pending.append(int(byte, 16))
            continue
        if pending:
            out.append(pending.decode(encoding, "replace"))
            pending.clear()
        if run is not None:
            if left:
                run, left = run[left:], max(0, left - len(run))
            if run and not skipped:
                out.append(run)
        elif brace == "{":
            if len(stack) >= _DEEPEST:
                return None
            stack.append((skipped, fallback))
            left = 0
        elif brace == "}":
            if not stack:
                break
            skipped, fallback = stack.pop()
            left = 0
            if not stack:  # what stands behind the document is not of it
                break
        elif word is not None:
            left = 0
            if word == "u" and number is not None:
                if not skipped:
                    out.append(chr(int(number) & 0xFFFF))
                left = fallback
            elif word == "uc":
                fallback = min(int(number or 1), 8) if not (number or "").startswith("-") else 1
            elif word == "bin":
                at += max(0, int(number or 0))
            elif word == "ansicpg":
                encoding = _PAGES.get(number or "", "cp1252")
            elif word in _SKIPPED or starred:
                skipped = True
            elif not skipped and word in _WORDS:
                out.append(_WORDS[word])
        elif sign == "*":
            starred = True
            continue
        elif sign is not None and not skipped:
            left = 0
            out.append(_SIGNS.get(sign, ""))
        starred = False
    if pending:
        out.append(pending.decode(encoding, "replace"))
    text = "".join(out)
    if not text.isascii():  # pairs of surrogates, each written by itself
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return _rows(text) if "\x1f" in text else text


def _rows(text: str) -> str:
    """Cells of a row as its line: `L4-L5: severe stenosis; mild foraminal narrowing`."""
    rows = []
    for row in text.split(MEANT):
        head, last, cells = "", "", row
        if "\x1f" in row:
            head, _, last = row.rpartition("\n") if "\n" in row.partition("\x1f")[0] else ("", "", row)
            cells = joined_cells([cell.strip() for cell in last.split("\x1f")])
            cells = f"{head}{MEANT}{cells}" if head else cells
        rows.append(cells)
    return MEANT.join(rows)


def joined_cells(cells: list[str]) -> str:
    """One table row as one line: its first cell is the label of the others."""
    filled = [cell for cell in cells if cell]
    if len(filled) < 2:
        return "".join(filled)
    first, *rest = filled
    mark = ": " if first[-1].isalnum() or first[-1] == ")" else " "
    if len(first) > 60:
        mark = f"{MEANT}"
    return first + mark + "; ".join(cell.rstrip(";") for cell in rest)

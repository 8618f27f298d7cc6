"""The text of HTML, XHTML and CDA: a tolerant pass over the tags that expands nothing and fetches nothing.

Blocks, list items and table rows end lines; section codes (LOINC) become headings. Of a CDA document only what its
sections show is text: the header holds the patient's name. Linear in the text for any content, nested or broken.
CDA Release 2 (section 4.3); LOINC section classes as in the IHE IDR examples (`<div class="loinc-59776-5">`).
"""

import html
import re

from cds_service.reading.lines import MEANT
from cds_service.reading.rtf import joined_cells
from cds_service.terminology.report_sections import HEADINGS

_TAG = re.compile(r"<(?:(/)?([a-zA-Z][\w:.-]{0,60})([^<>]*+)>|(!--)|(!\[CDATA\[)|([!?]))")
_SPACES = re.compile(r"[ \t\r\n\f\v]+")
_NUMBER = re.compile(r"&#(?:\d{8,}|[xX][0-9a-fA-F]{7,});?")  # no character has so long a number
_LOINC = re.compile(r"\bloinc-(\d{4,5}-\d)\b")
_CODE = re.compile(r"\bcode\s*=\s*[\"'](\d{4,5}-\d)[\"']")
_PRE = re.compile(r"white-space\s*:\s*pre|\bxml:space\s*=\s*[\"']preserve")
_BLOCKS_WORDS = (
    "address article aside blockquote body caption center dd div dl dt fieldset figure footer form h1 h2 h3 h4 h5 "
    "h6 header hr html item li list main ol p paragraph pre section table tbody text tfoot thead title tr ul"
)
_BLOCKS = frozenset(_BLOCKS_WORDS.split())
_HIDDEN = frozenset({"script", "style", "head", "template", "noscript"})
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6", "title"})
_VOID = frozenset({"br", "hr", "img", "input", "meta", "link", "col", "wbr", "area", "embed", "source"})
_DEEPEST = 400
_LOOKS = re.compile(
    r"\s*(?:<\?xml|<!doctype|<[a-zA-Z][\w:]*[\s/>])"
    r"|</?(?:p|br|div|span|table|tr|td|li|ul|ol|b|i|u|strong|em|html|body|pre|font|h[1-6])\b[^<>]{0,200}>",
    re.IGNORECASE,
)


def is_markup(text: str) -> bool:
    """Whether a text is markup, or prose with tags in it (`IMPRESSION:<br/>...`); `<5 mm` is neither."""
    head = text[:4096]
    return "<" in head and (_LOOKS.match(head) or _LOOKS.search(head)) is not None


class _Page:
    """The text so far, and the line end that is owed before the next word."""

    __slots__ = ("cells", "out", "owed", "start")

    def __init__(self) -> None:
        self.out: list[str] = []
        self.owed = ""
        self.cells: list[tuple[list[str], list[str]]] = []  # open rows: what stood before, cells so far

    def owe(self, mark: str) -> None:
        if mark == MEANT or not self.owed:
            self.owed = mark

    def say(self, words: str) -> None:
        if self.owed and self.out:
            self.out.append(self.owed)
        self.owed = ""
        self.out.append(words)

    def open_row(self) -> None:
        if len(self.cells) < 20:
            self.cells.append((self.out, []))
            self.out = []
            self.owed = ""

    def close_cell(self) -> None:
        if self.cells:
            words = "".join(self.out).strip()
            if words:
                self.cells[-1][1].append(words)
            self.out, self.owed = [], ""

    def close_row(self) -> None:
        if self.cells:
            self.close_cell()
            self.out, cells = self.cells.pop()
            row = joined_cells(cells)
            if row:
                self.owed = MEANT
                self.say(row)
            self.owed = MEANT


def text_of_markup(source: str) -> str | None:
    """The text, with `MEANT` where a block ends; None where elements are nested beyond reason."""
    cda = "<ClinicalDocument" in source[:8192]
    flat = not cda and re.search(r"<(?:br|p|div|li|tr|h[1-6]|pre)\b", source, re.IGNORECASE) is None
    page = _Page()
    open_: list[tuple[str, bool]] = []  # elements, and whether blanks count in them
    pre = flat
    coded = ""  # the heading that the code of the section says
    titled: int | None = None
    at = 0
    while True:
        tag = _TAG.search(source, at)
        stop = tag.start() if tag else len(source)
        if stop > at and (not cda or _shown(open_)):
            coded = _say(page, source[at:stop], pre, coded, titled is not None)
        if tag is None:
            break
        at = tag.end()
        closes, name, attributes, comment, cdata, declaration = tag.groups()
        if comment or cdata or declaration:
            end = "-->" if comment else "]]>" if cdata else _declared(source, at)
            found = source.find(end, at)
            if cdata and (not cda or _shown(open_)):
                coded = _say(page, source[at : found if found != -1 else len(source)], True, coded, False, plain=True)
            if found == -1:
                if comment or cdata:
                    break
                continue
            at = found + len(end)
            continue
        name = name.rpartition(":")[2].lower()
        if name in _HIDDEN and not closes:
            if not attributes.endswith("/"):
                end_of = re.compile(rf"</{name}\b[^<>]*+>", re.IGNORECASE).search(source, at)
                if end_of is None:
                    break
                at = end_of.end()
            continue
        if name == "br":
            page.owe("\n")
            continue
        if name == "tr":
            if closes or _in_row(open_):  # HTML lets a row end without saying so
                page.close_row()
            if not closes:
                page.open_row()
        elif name in ("td", "th"):
            page.close_cell()
        elif name in _BLOCKS:
            if name == "table" and closes and _in_row(open_):
                page.close_row()
            page.owe(MEANT)
        if name in _HEADINGS:
            if closes and titled is not None:
                coded = _finish_heading(page, titled, coded)
                titled = None
            elif not closes:
                titled = len(page.out)
        if closes:
            for place in range(len(open_) - 1, max(-1, len(open_) - 40), -1):
                if open_[place][0] == name:
                    pre = open_[place][1]
                    del open_[place:]
                    break
            continue
        if name == "code" and open_ and open_[-1][0] == "section":
            code = _CODE.search(attributes)
            coded = HEADINGS.get(code[1], "") if code else ""
        elif "loinc-" in attributes:
            code = _LOINC.search(attributes)
            coded = HEADINGS.get(code[1], "") if code else coded
        if name in _VOID or attributes.endswith("/"):
            continue
        if len(open_) >= _DEEPEST:
            return None
        open_.append((name, pre))
        pre = pre or name == "pre" or (bool(attributes) and _PRE.search(attributes) is not None)
    while page.cells:
        page.close_row()
    return "".join(page.out)


def _in_row(open_: list[tuple[str, bool]]) -> bool:
    """Whether a row of the innermost table is open."""
    for name, _ in reversed(open_[-40:]):
        if name in ("tr", "table"):
            return name == "tr"
    return False


def _shown(open_: list[tuple[str, bool]]) -> bool:
    """Whether a place of a CDA document is shown to its reader: the title or the text of a section, or a plain body."""
    for place in range(len(open_) - 1, -1, -1):
        name = open_[place][0]
        if name in ("title", "text"):
            above = open_[place - 1][0] if place else ""
            if above == "section" or (name == "text" and above == "nonxmlbody"):
                return True
    return False


def _declared(source: str, at: int) -> str:
    """What ends a declaration: `]>` where it holds a subset of its own (whose entities are never expanded)."""
    bracket, close = source.find("[", at, at + 2048), source.find(">", at)
    return "]>" if bracket != -1 and (close == -1 or bracket < close) else ">"


def _say(page: _Page, raw: str, pre: bool, coded: str, titled: bool, plain: bool = False) -> str:
    """Put words on the page, under the heading that the section's code says where no title has said it."""
    words = raw
    if "&" in words and not plain:
        words = html.unescape(_NUMBER.sub(" ", words))
    if not pre:
        words = _SPACES.sub(" ", words)
        if not words.strip():
            if page.out and not page.owed:
                page.owe(" ")
            return coded
        if page.owed in (MEANT, "\n"):
            words = words.lstrip()
    elif not words.strip(" "):
        return coded
    if coded and not titled and words.strip():
        page.owe(MEANT)
        page.say(f"{coded}:")
        page.owe(MEANT)
        words, coded = words.lstrip(), ""
    page.say(words)
    return coded


def _finish_heading(page: _Page, since: int, coded: str) -> str:
    """Give a heading its colon, and the one that the code says before it where they differ."""
    title = "".join(page.out[since:]).strip(f" \n{MEANT}")
    if not title or len(title) > 60:
        return coded
    if title[-1].isalnum() or title[-1] in ")*":
        page.say(":")
    if coded and title.rstrip(":").lower().rstrip("s") == coded.lower().rstrip("s"):
        coded = ""
    page.owe(MEANT)
    return coded

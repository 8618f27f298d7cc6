"""Several renderings of one report are read once: of each further one, only the sentences that are new.

A sentence is known by its letters and digits alone, so that a PDF's spacing, a page's head or a missing heading does
not make it another. Words that stand only in a history or an indication do not make the same words of a conclusion
known: there they assert.
"""

from cds_service.model import Gap, Section
from cds_service.reading.sections import find_sections
from cds_service.reading.sentences import Sentences, lead_of
from cds_service.reading.text import MOST_CHARACTERS, Rendering, Stretch

_RANK = {"presentedForm": 0, "composition": 1, "result": 2, "text": 3, "note": 4, "conclusion": 5, "conclusionCode": 6}
_ASSERTS = frozenset({"findings", "impression", "recommendation", "other"})
_DEAR = 400  # searches within the text so far; each costs its length
_MARKS = " \t\n:*_#=->|.)"


def join(read: list[Rendering]) -> tuple[str, tuple[Stretch, ...], list[Gap]]:
    """All renderings as one text, each content once, the fullest rendering first; and a gap where that is too long."""
    gaps: list[Gap] = []
    ordered = sorted(read, key=_rank)
    kept = [ordered[0]] if ordered else []
    if len(ordered) > 1:
        known = _Known()
        known.add(ordered[0])
        for one in ordered[1:]:
            text = known.add(one)
            if text:
                kept.append(Rendering(one.origin, text))
    joined: list[str] = []
    stretches: list[Stretch] = []
    at = 0
    for one in kept:
        text = one.text
        if at + len(text) > MOST_CHARACTERS:
            text = text[: max(0, MOST_CHARACTERS - at)]
            text = text[: max(text.rfind("\n"), text.rfind(" "), 0)]
            gaps.append(Gap(one.origin, "text-too-long", f"only the first {MOST_CHARACTERS} characters"))
            if not text:
                continue
        stretches.append(Stretch(one.origin, at, at + len(text)))
        joined.append(text)
        at += len(text) + 2
    return "\n\n".join(joined), tuple(stretches), gaps


def _rank(one: Rendering) -> tuple[int, int]:
    """Forms of one content by length, pieces of one content as they were sent."""
    return _RANK.get(one.origin, 9), -len(one.text) if one.origin == "presentedForm" else 0


class _Known:
    """The sentences of the renderings so far, by what their section makes of them."""

    __slots__ = ("_dear", "_ends", "_said", "_squeezed", "_starts")

    def __init__(self) -> None:
        self._said: dict[str, set[str]] = {}
        self._squeezed: dict[str, str] = {}
        self._starts: dict[str, set[int]] = {}
        self._ends: dict[str, set[int]] = {}
        self._dear = _DEAR

    def add(self, one: Rendering) -> str:
        """Learn a rendering; its sentences that were not known, under their headings."""
        low = one.text.lower()
        if len(low) != len(one.text):
            low = "".join(c.lower() if len(c.lower()) == 1 else c for c in one.text)
        sections = find_sections(low, (Stretch(one.origin, 0, len(low)),))
        kept: list[str] = []
        learned: list[tuple[str, str]] = []
        for section in sections:
            kind: str = "asserts" if section.kind in _ASSERTS else section.kind
            new: list[str] = []
            body = _body(low, section)
            sentences = Sentences(low[body : section.end])
            line_of_last = -1
            for start, stretch in zip(sentences.starts, sentences.stretches, strict=True):
                lead = lead_of(stretch)
                key = "".join(filter(str.isalnum, stretch[lead:]))
                if not key:
                    continue
                learned.append((kind, key))
                if self._knows(kind, key):
                    continue
                line = low.count("\n", body, body + start)
                words = one.text[body + start : body + start + len(stretch)]
                new.append((" " if new and line == line_of_last else "\n" if new else "") + words)
                line_of_last = line
            if new and not (section.kind in ("header", "communication") and self._said):
                heading = f"{one.text[section.start : body].strip(_MARKS)}:\n" if section.heading else ""
                kept.append(heading + "".join(new))
        for kind, key in learned:
            self._learn(kind, key)
        return "\n\n".join(kept)

    def _knows(self, kind: str, key: str) -> bool:
        if key in self._said.get(kind, ()):
            return True
        whole = self._squeezed.get(kind, "")
        if self._dear <= 0 or len(key) < 8 or not whole:
            return False
        self._dear -= 1
        at = whole.find(key)
        # cut into other sentences there: by a line end here, or by a heading
        return at != -1 and at in self._starts[kind] and at + len(key) in self._ends[kind]

    def _learn(self, kind: str, key: str) -> None:
        self._said.setdefault(kind, set()).add(key)
        before = self._squeezed.get(kind, "")
        self._starts.setdefault(kind, set()).add(len(before))
        self._squeezed[kind] = before + key
        self._ends.setdefault(kind, set()).add(len(before) + len(key))


def _body(low: str, section: Section) -> int:
    """Where the words of a section begin, behind its heading and what may stand in brackets after that."""
    if not section.heading:
        return section.start
    at = low.find(section.heading, section.start, section.end)
    at = section.start if at == -1 else at + len(section.heading)
    line = low.find("\n", at, section.end)
    colon = low.find(":", at, section.end if line == -1 else line)
    if colon != -1 and (colon - at < 3 or low[at:colon].strip(" )").startswith("(")):
        at = colon + 1
    while at < section.end and low[at] in _MARKS:
        at += 1
    return at

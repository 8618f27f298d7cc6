"""Whether a text is English prose with something to read: what is not becomes a gap, never `no finding`."""

import re

from cds_service.model import ReportPart, Section

_ENGLISH_WORDS = "the of and is are no there with in at to for was without not this has normal left right seen evidence"
_ENGLISH = frozenset(_ENGLISH_WORDS.split())
_OTHER_WORDS = (
    "der die das und ist nicht keine kein mit eine einer im links rechts beurteilung befund le la les des du"
    " et est pas sans"
    " une dans avec gauche droite el los las del y con sin una izquierda derecha il di e non senza destra"
    " sinistra het een"
    " niet geen zonder met van links linker rechter o os da do com sem uma esquerda direita och inte utan med"
    " ingen zu zur"
    " den dem von auf para por que se aux sur au nella della delle"
)
_OTHER = frozenset(_OTHER_WORDS.split())
_KNOWN = _ENGLISH | _OTHER
_EMPTY = re.compile(
    r"(?:please )?see (?:the )?(?:attached|scanned|separate|pdf|full)(?: (?:pdf|document|report|file))?|report"
    r" to follow|dictation pending|pending"
    r"|(?:to be|will be) (?:dictated|reported)|not (?:yet )?(?:dictated|reported|available)|no report|insert"
    r" text|lorem ipsum"
    r"|report (?:pending|attached|unavailable)"
)
_BLANK = re.compile(r"\[[^\]\n]{0,40}\]|_{2,}|\*{3,}|\{[^}\n]{0,40}\}|<[^>\n]{0,40}>|\?{3,}|x{4,}")
_SPEAKS = ("findings", "impression", "addendum", "other", "recommendation")


def is_english(low: str, parts: tuple[ReportPart, ...]) -> bool:
    """English by its function words; short texts without any are taken as English unless they say otherwise."""
    head = low[:4000]
    if not head.isascii() and sum(c.isalpha() and ord(c) > 0x24F for c in head) > 0.2 * len(head):
        return False
    words = head.split()
    known = _KNOWN.intersection(words)
    english = len(known & _ENGLISH)
    other = len(known & _OTHER)
    if not known or (english < 4 and len(set(words)) < 4):
        return not any(part.language and not part.language.lower().startswith("en") for part in parts)
    return other <= max(1, english)


def is_empty(low: str, sections: tuple[Section, ...]) -> bool:
    """A template, or a pointer to a report elsewhere: nothing narrated where findings would stand."""
    narrated = 0
    blanks = 0
    for section in sections:
        if section.kind not in _SPEAKS:
            continue
        body = low[section.start : min(section.end, section.start + 1000)]
        if section.heading:
            body = body.replace(section.heading, "", 1)
        if "[" in body or "_" in body or "*" in body or "{" in body or "<" in body:
            blanks += len(_BLANK.findall(body))
        elif len(body) > 400:
            return False
        if len(body) < 400:
            body = _EMPTY.sub(" ", body)
        narrated += sum(len(word) > 2 and word[0].isalpha() and word[-1] != ":" for word in body.split())
    return narrated < 1 or (blanks >= 2 and narrated < 4 * blanks)

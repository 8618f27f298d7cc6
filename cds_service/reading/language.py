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
_SHARED = frozenset(("no", "in", "is", "was", "normal"))  # words of English and of others
_NEVER_WORDS = (  # words of short foreign texts that no English report has
    "kein keine keinen ohne nachweis raumforderung unauffällig unauffälliger verdacht befund fraktur metastasen"
    " hochgradige spinalkanalstenose rechten linken normalbefund pas aucune examen sans masse suspecte hépatique"
    " droit droite gauche sténose lombaire lésion supérieur sin evidencia estenosis severa derecho izquierdo"
    " pulmonar hallazgos normales estudio geen aanwijzingen voor zonder linker nier afwijkingen nessuna nessun"
    " lesione lesioni destro sinistro sospetta polmonare canale stenosi esame sem evidência estudo hepática massa"
    " direito esquerdo ingen inga utan fynd brak zmian bez ikke tegn"
)
_NEVER = frozenset(_NEVER_WORDS.split())
_MARKED = re.compile(r"[a-z]*[\u00df-\u00f6\u00f8-\u017f][a-z\u00df-\u017f]*")
_OF = re.compile(r"\b(?:de|du|des|del|della|dos|das) (?!novo\b|quervain|sac\b|tournai|facto\b|musset|morsier)")
_EPONYMS = ("schmörl", "sjögren", "ménière", "röntgen", "müller", "köhler", "köhler's", "schönlein", "guérin", "café")
_MARKS = ".,;:()[]\"'"
_EMPTY = re.compile(
    r"(?:please )?see (?:the )?(?:attached|scanned|separate|pdf|full)(?: (?:pdf|document|report|file))?|report"
    r" to follow|dictation pending|pending"
    r"|(?:to be|will be) (?:dictated|reported)|not (?:yet )?(?:dictated|reported|available)|no report|insert"
    r" text|lorem ipsum"
    r"|report (?:pending|attached|unavailable)"
)
_BLANK = re.compile(r"\[[^\]\n]{0,40}\]|_{2,}|\*{3,}|\{[^}\n]{0,40}\}|<[^>\n]{0,40}>|\?{3,}|x{4,}")
_FEW = 40  # words of a text too short to judge by its function words alone
_SPEAKS = ("findings", "impression", "addendum", "other", "recommendation")


def is_english(low: str, parts: tuple[ReportPart, ...]) -> bool:
    """English by its function words; short texts without any are taken as English unless they say otherwise."""
    head = low[:4000]
    if not head.isascii() and sum(c.isalpha() and ord(c) > 0x24F for c in head) > 0.2 * len(head):
        return False
    words = head.split()
    if len(words) <= _FEW and not _may_be_english(words, head):
        return False
    known = _KNOWN.intersection(words)
    english = len(known & _ENGLISH)
    other = len(known & _OTHER)
    if not known or (english < 4 and len(set(words)) < 4):
        return not any(part.language and not part.language.lower().startswith("en") for part in parts)
    return other <= max(1, english)


def _may_be_english(words: list[str], head: str) -> bool:
    """Whether a short text has no word that only another language has, or as many that only English has."""
    bare = {word.strip(_MARKS) for word in words}
    foreign = len(bare & _NEVER) + len(_OF.findall(head))
    if not head.isascii():
        foreign += sum(_MARKED.fullmatch(word) is not None for word in bare - _NEVER if not word.startswith(_EPONYMS))
    return foreign <= len(bare & (_ENGLISH - _OTHER - _SHARED))


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

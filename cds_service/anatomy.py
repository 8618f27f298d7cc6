"""Anatomy named in free text: spine levels and segments, body side, body region. Pure, compiled once, linear in time.

Levels come in one normal form, the motion segment `L4-L5`, because orders and reports spell it in a dozen ways
(`L4/5`, `L4-5`, `L4 on L5`) and severity is judged at the planned level.
"""

import re
from functools import lru_cache
from itertools import pairwise

from cds_service.model import Side

_COLUMN: tuple[str, ...] = (
    *(f"C{n}" for n in range(1, 8)),
    *(f"T{n}" for n in range(1, 13)),
    *(f"L{n}" for n in range(1, 6)),
    *(f"S{n}" for n in range(1, 6)),
)
_PLACE: dict[str, int] = {vertebra: place for place, vertebra in enumerate(_COLUMN)}
_NEXT_PART = {"C": "T", "T": "L", "L": "S"}  # `L5-1` means L5-S1, `C7-1` means C7-T1
_FLAGS = re.IGNORECASE | re.ASCII
_SPACE = r"[ \t\r\n\xa0]{0,3}"
_JOIN = rf"(?:{_SPACE}[-/\u2010-\u2015\u2212]{_SPACE}|[ \n]{{1,2}}(?:to|thru|through|on|upon|over)[ \n]{{1,2}})"
# `T1-T2 weighted`, `T1-2 N0` and `S1/S2 heart sounds` are no levels; `L4 - 5 mm` is a level and a size.
_NO_LEVEL_AFTER = r"(?!\.?[0-9A-Z]|[ -]{0,2}(?:weight|signal|sequence|flair|hyper|hypo|N[0-3X]|heart|mm\b|cm\b))"
_START = re.compile(r"[CTLSctls] ?[0-9]")  # cheap to look for: what may be a level is then read at that place
_CHAIN = re.compile(
    rf"[CTLS] ?[0-9]{{1,2}}"
    rf"(?:{_JOIN}(?:[CTLS] ?[0-9]{{1,2}}|[0-9]{{1,2}}|sacrum|pelvis|ilium)){{1,6}}{_NO_LEVEL_AFTER}",
    _FLAGS,
)
_PAIR = re.compile(rf"[CTLS] ?[0-9]{{1,2}} and [CTLS] ?[0-9]{{1,2}}{_NO_LEVEL_AFTER}", _FLAGS)
_BETWEEN = re.compile(r"\bbetween[ \n]{1,3}$", _FLAGS)
_NO_LEVEL_BEFORE = re.compile(r"(?:[A-Z0-9.]|(?:\bstage|\bfree|\bgrade|\bG)[ :]{1,2})$", _FLAGS)
_STEP = re.compile(r"([CTLS]?) ?([0-9]{1,2})|(sacrum|pelvis|ilium)", _FLAGS)


def find_levels(text: str) -> tuple[tuple[int, int, tuple[str, ...]], ...]:
    """Every mention of spine levels as (start, end, levels), in order of the text; never raises."""
    found = []
    seen = 0
    for start in _START.finditer(text):
        at = start.start()
        if at < seen:
            continue
        match = _CHAIN.match(text, at) or _PAIR.match(text, at)
        if match is None:
            continue
        before = text[max(0, at - 12) : at]
        if _NO_LEVEL_BEFORE.search(before) or (" and " in match[0].lower() and not _BETWEEN.search(before)):
            continue
        levels = _levels_of(match[0])
        if levels:
            found.append((at, match.end(), levels))
            seen = match.end()
    return tuple(found)


@lru_cache(maxsize=2048)
def _levels_of(chain: str) -> tuple[str, ...]:
    """The motion segments between the vertebrae of one chain; empty when a vertebra of it does not exist."""
    places: list[int] = []
    letter = ""
    for match in _STEP.finditer(chain):
        if match[3]:
            vertebra = "S1"
        elif match[1]:
            letter = match[1].upper()
            vertebra = f"{letter}{int(match[2])}"
        else:
            vertebra = f"{letter}{int(match[2])}"
            if places and _PLACE.get(vertebra, -1) <= places[-1] and letter in _NEXT_PART:
                letter = _NEXT_PART[letter]
                vertebra = f"{letter}{int(match[2])}"
                if _PLACE.get(vertebra, -1) != places[-1] + 1:  # only `5-1`, `7-1`, `12-1` jump a part unnamed
                    return ()
        place = _PLACE.get(vertebra)
        if place is None:
            return ()
        places.append(place)
    levels: dict[str, None] = {}
    for one, other in pairwise(places):
        low, high = min(one, other), max(one, other)
        levels.update(dict.fromkeys(f"{_COLUMN[at]}-{_COLUMN[at + 1]}" for at in range(low, high)))
    return tuple(levels)


def spine_levels(text: str) -> tuple[str, ...]:
    """The distinct spine levels of a text, from head to tail: `L3 to L5` gives `L3-L4`, `L4-L5`."""
    levels = {level for _, _, of_one in find_levels(text) for level in of_one}
    return tuple(sorted(levels, key=lambda level: _PLACE[level.partition("-")[0]]))


_ONE_VERTEBRA = r"(?= (?:vertebra|nerve|root|radicul|lamin|corpectomy|body|fracture|pedicle|level))"
_NOT_NECK_OF_WOMB = r"(?! (?:cancer|carcinoma|lymph|node|adeno|dysplasia|intraepithelial|mass|neoplas|os\b|biops))"
_SEGMENT_WORDS: dict[str, tuple[str, ...]] = {
    "cervical": (
        rf"\bcervical{_NOT_NECK_OF_WOMB}|\bcervico-?thoracic|\b[CT]?C-?SPINE\b|\bCTSPINE\b|\bACDF\b|\bodontoid",
        rf"(?<![A-Z0-9.])C[2-7]{_ONE_VERTEBRA}",
    ),
    "thoracic": (
        r"\bthoracic (?:spin|spondyl|dis[ck]|vertebr|cord|lamin|fusion|canal|myelo|stenosis|decompress|kypho|level)",
        r"\bcervico-?thoracic|\bthoraco-?lumbar|\bdorsal spine|\bT-?SPINE\b|\bTLSPINE\b|\bCTSPINE\b",
        rf"(?<![A-Z0-9.])T(?:[3-9]|1[0-2]){_ONE_VERTEBRA}",
    ),
    "lumbar": (
        r"\blumbar(?! puncture)|\blumbo-?sacral|\bthoraco-?lumbar|\bL-?SPINE\b|\bLSSPINE\b|\bTLSPINE\b",
        r"\b[TPAO]LIF\b|\bcauda equina|\bconus",
        rf"(?<![A-Z0-9.])L[1-5]{_ONE_VERTEBRA}",
    ),
    "sacral": (r"\bsacr(?:um|al\b)|\bsacro-?coccygeal|\bSSPINE\b|\blumbo-?sacral",),
}
_SEGMENTS = {segment: re.compile("|".join(words), _FLAGS) for segment, words in _SEGMENT_WORDS.items()}
_PARTS = {"C": "cervical", "T": "thoracic", "L": "lumbar"}


def spine_segments(text: str) -> tuple[str, ...]:
    """Segments of the spine named by word, body part code (`LSPINE`) or level, from head to tail.

    A level belongs to the segments of its two vertebrae, but L5-S1 to the lumbar one alone: lumbar imaging shows it.
    """
    named = {segment for segment, pattern in _SEGMENTS.items() if pattern.search(text)}
    for level in spine_levels(text):
        upper, lower = level.split("-")
        named.add(_PARTS.get(upper[0], "sacral"))
        if lower != "S1":
            named.add(_PARTS.get(lower[0], "sacral"))
    return tuple(segment for segment in _SEGMENTS if segment in named)


_PAIRED = (
    r"(?:breast|kidney|renal|adrenal|lung|lobe|knee|hip|shoulder|ankle|wrist|elbow|foot|hand|femur|tibia|humerus|thyroid"
    r"|ovary|adnexa|testis|parotid|neck|axilla|upper|lower|carotid|thigh|leg|arm)"
)
_NOT_A_SIDE = r"(?!-?[ ]?(?:in place|in situ|alone|behind|untreated|away|now|atri|ventric|heart|over\b|the\b))"
_SIDES = re.compile(
    rf"(?P<bilateral>\bbilat(?:eral(?:ly)?)?\b|\bboth (?:sides|{_PAIRED}s?)\b)"
    rf"|(?P<left>\bleft(?:ward|ly)?\b{_NOT_A_SIDE}|\blt\b\.?(?= {_PAIRED})|(?-i:\bL\b)(?= {_PAIRED}))"
    rf"|(?P<right>\bright(?:ward|ly)?\b{_NOT_A_SIDE}|\brt\b\.?(?= {_PAIRED})|(?-i:\bR\b)(?= {_PAIRED}))",
    _FLAGS,
)


def find_sides(text: str) -> tuple[tuple[int, int, Side], ...]:
    """Every mention of a body side as (start, end, side), in order of the text; never raises."""
    found: list[tuple[int, int, Side]] = []
    for match in _SIDES.finditer(text):
        side: Side = "bilateral" if match["bilateral"] else "left" if match["left"] else "right"
        found.append((match.start(), match.end(), side))
    return tuple(found)


def side(text: str) -> Side | None:
    """The body side a text names; left and right together are bilateral; None where it names none."""
    sides = {named for _, _, named in find_sides(text)}
    if len(sides) > 1:
        return "bilateral"
    return next(iter(sides), None)


# Lower case; each phrase between top-level bars starts with a letter. The leftmost phrase wins, and at one place the
# earlier row: phrases that would mislead (`femoral head`, `cervical cancer`) stand before the words inside them. Rows
# of "" name no region at all.
_REGION_WORDS: tuple[tuple[str, str], ...] = (
    ("whole-body", r"whole[- ]body|skull[- ]base[- ]to[- ]mid[- ]?thighs?|eyes? to thighs?"),
    ("", r"head of (?:the )?(?:femur|humerus)|heads? first|neck of (?:the )?femur|bone marrow|oral contrast"),
    ("", r"by mouth"),
    ("abdomen", r"head of (?:the )?pancreas|pancreatic (?:head|neck|body|tail)|neck of (?:the )?pancreas"),
    ("msk", r"femoral (?:head|neck|shaft)|humeral (?:head|neck)|radial head|metatarsal heads?"),
    ("msk", r"iliac (?:bone|crest)"),
    ("pelvis", r"neck of (?:the )?bladder|bladder neck|uterine cervix|cervix"),
    ("pelvis", r"cervical (?:cancer|carcinoma|os|intraepithelial|dysplasia)"),
    ("neck", r"cervical (?:lymph|node|adenopath|chain)\w*|neck dissection|thyroid\w*|parathyroid\w*|laryn\w+"),
    ("neck", r"pharyn\w+|nasopharyn\w+|oropharyn\w+|hypopharyn\w+"),
    ("neurovascular", r"intracranial aneurysms?|cerebral aneurysms?|berry aneurysms?|saccular aneurysms?"),
    ("neurovascular", r"aca aneurysms?|mca aneurysms?"),
    ("neurovascular", r"pca aneurysms?|ica aneurysms?|basilar aneurysms?|communicating artery aneurysms?"),
    ("neurovascular", r"arteriovenous malformation|circle of willis|carotids?|vertebral arter\w+"),
    ("heart", r"aortic (?:valv\w+|stenosis|regurg\w+)|hearts?|cardiac|coronar\w+|myocard\w+|pericard\w+|mitral"),
    ("vascular", r"aort(?:a|ic)|peripheral arter\w+|vena cava"),
    ("spine", r"thoracic[- ]spin\w+|dorsal spin\w+|spin(?:e|al)|vertebr\w+|c-?spine|ct-?spine|t-?spine|tl-?spine"),
    ("spine", r"l-?spine|ls-?spine"),
    ("spine", r"s-?spine|lumbar(?! puncture)|lumbo-?sacral|thoraco-?lumbar|sacrum|cauda equina|laminectom\w+"),
    ("spine", r"dis[ck]ectom\w+"),
    (
        "spine",
        r"cervical[- ](?:spin|fusion|dis[ck]|stenosis|decompress|lamin|myelo|radicul|spondyl|corpectomy|cord|canal)\w*",
    ),
    ("spine", r"thoracic (?:dis[ck]|cord|myelo|lamin|stenosis|fusion|canal|decompress|spondyl)\w*"),
    ("brain", r"brain|head(?! (?:and|&) neck)|intracranial|cerebr\w+|cerebell\w+|pituitar\w+|sellar?|skull"),
    ("brain", r"mening\w+"),
    ("brain", r"craniotom\w+|craniectom\w+|gliom\w+|glioblastom\w+|posterior fossa"),
    ("brain", r"frontal lobe|temporal lobe|parietal lobe|occipital lobe"),
    ("neck", r"head (?:and|&) neck|neck|parotid\w*|submandibular|tongue|tonsil\w*|oral cavity|mandib\w+|maxill\w+"),
    ("neck", r"orbit\w*|paranasal sinus(?:es)?|sinus(?:es)?|salivary"),
    ("chest", r"chest|lungs?|pulmonary|thora(?:x|cic|coscop\w*|cotom\w*)|mediastin\w+|pleura\w*|bronch\w+"),
    ("chest", r"esophag\w+|oesophag\w+|thym(?:us|om)\w*|right (?:upper|middle|lower) lobe"),
    ("chest", r"left (?:upper|lower) lobe|lingula\w*"),
    ("breast", r"breasts?|mammogra\w+|mammary|lumpectom\w+|mastectom\w+"),
    ("abdomen", r"abdom\w+|liver|hepat\w+|pancrea\w+|kidneys?|renal|nephr\w+|adrenal\w*|spleen|splenic|stomach"),
    ("abdomen", r"gastr\w+|intestin\w+|bowel|colon|colonic|colectom\w+|sigmoid|ca?ecum|gallbladder|bile duct|biliary"),
    ("abdomen", r"retroperiton\w+|duoden\w+|ureter\w*"),
    ("pelvis", r"pelvi[sc]|prostat\w+|bladder|uter(?:us|ine)|ovar\w+|endometri\w+|adnexa\w*|rect(?:um|al)"),
    ("pelvis", r"vagin\w+|vulv\w+|testi[sc]\w*|scrot\w+|hysterectom\w+|seminal vesicles?|an(?:us|al)"),
    ("msk", r"knees?|hips?|shoulders?|ankles?|wrists?|elbows?|foot|feet|hands?|thighs?|legs?|forearms?"),
    ("msk", r"fem(?:ur|oral)"),
    ("msk", r"tibia\w*|fibula\w*|humer(?:us|al)|extremit(?:y|ies)|soft[- ]tissue|bones?|scapula\w*|clavic\w+"),
    ("msk", r"menisc\w+|rotator cuff|buttock\w*"),
)


def _by_first_letter(rows: tuple[tuple[str, str], ...]) -> tuple[re.Pattern[str], tuple[str, ...]]:
    """One pattern whose top branches are first letters, and the region key of each group: ten times faster to scan."""
    keys: list[str] = []
    branches: dict[str, list[str]] = {}
    for key, words in rows:
        for phrase in re.split(r"\|(?![^(]*\))", words):
            branches.setdefault(phrase[0], []).append(rf"(?P<k{len(keys)}>{phrase[1:]})")
            keys.append(key)
    pattern = "|".join(f"{letter}(?:{'|'.join(phrases)})" for letter, phrases in branches.items())
    compiled = re.compile(rf"\b(?:{pattern})\b", re.ASCII)
    return compiled, tuple(
        keys[int(name[1:])] for name in sorted(compiled.groupindex, key=compiled.groupindex.__getitem__)
    )


_REGIONS, _REGION_KEYS = _by_first_letter(_REGION_WORDS)


def regions(text: str) -> tuple[str, ...]:
    """Region keys of the organs and regions that a text names, in order of first mention; spine levels count too."""
    found: dict[str, None] = {}
    for match in _REGIONS.finditer(text.lower()):
        key = _REGION_KEYS[(match.lastindex or 1) - 1]
        if key == "neck" and match[0].startswith("head "):
            found["brain"] = None
        if key:
            found[key] = None
    if "spine" not in found and find_levels(text):
        found["spine"] = None
    return tuple(found)

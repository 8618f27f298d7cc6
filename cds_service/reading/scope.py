"""How far a trigger reaches: where statements begin and end in a sentence, and what a denial leaves standing.

A wall ends every statement. A fence ends one too, unless an `or` goes on with the list behind it. What is denied of
something (`no enhancement within the cyst`) does not deny the thing.
"""

import re

_PERSON = r"he|she|it|they|we|i|his|her|this|these|the patient|patient"
HARD = re.compile(  # what follows is another statement
    r";|: |, (?:there (?:is|are|has|was|were)|with|and (?:is|are|has|there|was)|which|now|however|only|just|merely|but"
    rf"|{_PERSON})\b"
    rf"|\b(?:and (?:there|is|are|has|was|were|had|now|presents?|presented|develop(?:s|ed)|shows?|demonstrates?"
    rf"|reveals?|did|does|will|positive|{_PERSON})|which|whose|who|where"
    r"|that (?:is|are|has|was|measures?|(?:may|could|might)(?! (?:also )?(?:suggest|indicate|represent|be|reflect)))"
    r"|by (?:the|this|these))\b| -{1,2} | \d{1,2}\) (?=[a-z])"
)
_BEGINS = (  # how a statement about something that is there begins
    r"the|an?|mild(?:ly)?|moderate(?:ly)?|severe(?:ly)?|marked(?:ly)?|small|large|trace|minimal(?:ly)?|subtle|tiny"
    r"|scattered|multiple|several|chronic|old|diffuse|stable|unchanged|persistent|residual|degenerative|again"
)
# the same, unless an `or` goes on with the list; each pattern begins with a word that is quick to look for
_SOFT = (
    re.compile(
        rf", (?:{_BEGINS}|most|consistent|compatible|likely|probably|possibly|suspicious|concerning|in keeping"
        r"|representing|measuring|\d)\b"
        r"|, (?!and\b|or\b|nor\b)"  # something at a place: `no active disease, scoliosis of the spine`
        r"(?=[^,;:]{3,60}? (?:in|of|at|along|within|on|involving) (?:the|both|left|right|bilateral)\b[^,]*\Z)"
    ),
    re.compile(rf"and (?<!\wand )(?:{_BEGINS}|new|normal|intact|clear|unremarkable)\b"),
    re.compile(rf"with (?<!\wwith )(?:{_BEGINS})\b"),
    re.compile(rf"\((?:{_BEGINS}|see|previous(?:ly)?|known|there)\b"),
)
_MARKS = (", ", "and ", "with ", "(")  # what each of these begins with
_SEEN = re.compile(
    r" (?:seen|identified|noted|present|visuali[sz]ed|demonstrated|detected|evident|appreciated|observed"
    r"|apparent|found|available|given|administered|performed|obtained)(?=,| with\b| and\b)"
)
CONCESSIONS = ("although ", "though ", "even though ", "while ", "whereas ", "despite ", "in spite of ")
OR = re.compile(r"\b(?:or|nor)\b")
VERB = re.compile(r"\b(?:is|are|was|were|has|have|shows?|demonstrates?|reveals?|seen|noted|identified|with)\b")
FORMER_STOPS = re.compile(r",|\b(?:with|now|shows?|demonstrates?|reveals?|presents?|presenting|is|are|has)\b")
_FORMER_LIST = re.compile(  # `history of X, Y and Z` to the end, or to who has it
    r"[^.;:]*?,? and\b(?!.*\b(?:new|now|with|shows?|who)\b)|[^.;:]{0,60}?,? (?:who|presenting|presents|admitted)\b"
)
LABELS = re.compile(  # between what is asked and its answer: `Metastasis: no`, `Mass or node: none`, `Mass - no`
    r"[^.:;?\n]{0,60}+[:?] ?(?:\[ ?\] ?)?|s?\)? - "
)
ANSWERED = re.compile(r" ?(?:\Z|[.,;)\n\[(/☐☒]|- )")  # what may follow an answer
BACK = re.compile(
    r"[, (]*(?:and|but|although|though)?,? ?(?:which|that|this|it|these|they)?"
    r"(?: ?(?:is|are|was|were|has|have|now|since|also|today))* ?"
)
BECAUSE = re.compile(r",? (?:because of|due to|owing to|secondary to|as a result of|given|on this limited)\b")
THEN = re.compile(  # `not present in 2019`, `not seen on the prior study`: what was not there then is there now
    r" (?:(?:in|on|at|as of|until) (?:the |her |his |any )?(?:prior|previous|earlier|last|comparison|baseline|older"
    r"|most recent|preceding|initial|(?:19|20)\d\d|\d{1,2}/\d|(?:jan|febr)uary|march|april|may|june|july|august"
    r"|(?:septem|octo|novem|decem)ber)|previously|before|earlier)\b(?! (?:and|or|nor) (?:now|today|current))"
)
ASKING_FOR = re.compile(r"(?:to )?(?:evaluate|assess|monitor|document|confirm|ensure|verify)\b")
HEDGING = re.compile(r"(?:most |very |statistically )?(?:likely|probabl|presumabl|favored)")
OBJECT = re.compile(r"\b(?:of|for|to)(?: the| this| a)? \Z")
LISTS = re.compile(r"\b(?:and|or|nor)\b")
REPRESENTS = re.compile(
    r"\b(?:represent\w*|reflect\w*|suggest\w*|consistent|compatible|suspicious|concerning|may|might|could|likely|probably"
    r"|measur\w*|is|are|with|shows?|for)\b|,|\d (?:mm|cm)"
)
NEXT = re.compile(r"\bor (?:(?:any|other|additional|definite|further) )*(?:evidence|signs?|new|other|any|additional)\b")
PREDICATE = re.compile(r"\b(?:is|are|was|were|has|have|warrants?|requires?|recommended|advised|necessitat\w+)\b")
_ONWARD = r"(?: known| patient's| previously [a-z]+)?(?: (?!or\b|nor\b|and\b|with\b)[a-z0-9'/()-]+){0,4}\s*\Z"
_GIVEN = re.compile(
    r"\b(?!(?:evidence|signs?|presence|recurrence|residual|suggestion|indication|remnants?|reaccumulation|return|most"
    r"|any|all|some|much|none|one|features?|findings?|involvement|history|diagnosis) )[a-z]{3,}"
    r"(?: (?:seen|noted|present|identified|associated))? (?:in|within|into|inside|of|to|from|around|through|throughout"
    r"|along|near|at|on|between|across|against|surrounding|involving"
    r"|affecting|abutting|overlying|under|over|above|below|behind|beneath|adjacent to)"
    r" (?:the|this|these|that|his|her|its)"
    rf"{_ONWARD}"
)
GIVEN_OBJECT = re.compile(  # what is not done to something that is there
    r" (?!(?:have|had|see|show|demonstrate|reveal|identify|appreciate|find|detect|feel|note|exhibit|develop|experience"
    r"|report|endorse|recall|notice|observe|represent|meet|contain|know|include|describe|mention|confirm|suggest"
    r"|visuali[sz]e|reproduce|give|support|indicate|fulfill|hear|palpate) )[a-z]+ (?:the|this|these|his|her|its)"
    r" (?:(?!or\b|nor\b|and\b)[a-z'-]+ ){0,3}\Z"
)
_RUN_ON = re.compile(  # a thing, then how much of another
    r"(?! [^,]*\b(?:or|nor|and|than|to|of|for)\b)[^,:;]* (?!(?:definite|significant|acute|focal|obvious|new|other|any"
    r"|more|evidence|even|very|only|just|further|such) )[a-z]{4,}s? (?:mild|moderate|severe)(?: [a-z]+){0,2} ?\Z"
)
_CHANGED = re.compile(
    r"\b(?:changes?|growth|increase|decrease|progression|worsening|enlargement|improvement|resolution|clearing"
    rf"|reduction|regression|healing|displacement|rupture|expansion)(?: in size)? (?:in|of|to|from)\b{_ONWARD}"
)
_TREATED = re.compile(  # `declined surgery for X`, `not on anticoagulation for X`
    r"\b(?:therapy|treatment|surgery|medications?|anticoagulation|antibiotics|chemotherapy|radiotherapy|interventions?"
    r"|operation|drainage|insulin|steroids|treated|operated|candidate|transfusion|dialysis|follow-?up|imaging)"
    r"(?: [a-z]+)? (?:for|of|on) [^,]*\Z"
)
_CHANGE = re.compile(r"\b(?:change|growth|increase|decrease|progress|worsen|enlarge|improve|resol|clear|reduc)")


def fences(low: str) -> tuple[int, ...]:
    """Where a statement begins unless the list goes on, in order."""
    found: list[int] = []
    for pattern, mark in zip(_SOFT, _MARKS, strict=True):
        if mark in low:
            found += [match.start() for match in pattern.finditer(low)]
    if "," in low or " with" in low or " and" in low:
        found += [match.start() + 1 for match in _SEEN.finditer(low)]
    return tuple(sorted(found))


def granted_ends(low: str) -> int:
    """The comma behind what is granted first: `although there is no mass, [thickening] is noted`; -1: none."""
    comma = low.find(",")
    while comma != -1 and OR.search(low, comma):
        comma = low.find(",", comma + 1)
    return comma if comma != -1 and VERB.search(low, comma) else -1


def goes_on(low: str, fence: int, end: int) -> bool:
    """Whether the list that a fence seems to end goes on behind it: `no effusion, large mass or adenopathy`."""
    link = OR.search(low, fence)
    return link is not None and VERB.search(low, max(fence + 1, 0), max(link.start(), end)) is None


def is_given(between: str) -> bool:
    """Whether what follows a denial is not denied but what the denied is said of: `no growth of the mass`."""
    if " for " in between and _TREATED.search(between):
        return True
    return _GIVEN.search(between) is not None or (
        _CHANGE.search(between) is not None and _CHANGED.search(between) is not None
    )


def runs_on(between: str) -> bool:
    """Whether a statement begins without any mark: `no effusion mild cardiomegaly`."""
    return ("mild" in between or "moder" in between or "sever" in between) and _RUN_ON.match(between) is not None


def is_asked_again(low: str, start: int, end: int) -> int:
    """Where the last word of a label comes again in its answer (`Bones: no suspicious bone lesion`); -1: nowhere."""
    if not low.startswith(":", end):
        return -1
    name = low[max(start, low.rfind(" ", start, end) + 1) : end]
    return low.find(name, end)


def former_ends(low: str, left: int, right: int) -> bool:
    """Whether what was said of the past ends between two places; a list of nouns to its `and` is one thing."""
    for stop in FORMER_STOPS.finditer(low, left, right):
        if stop[0] != "," or _FORMER_LIST.match(low, right) is None:
            return True
    return False

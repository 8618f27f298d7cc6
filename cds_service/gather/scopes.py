"""What the scopes of a token say may be read, so that nothing is asked that is sure to be refused.

SMART on FHIR scopes of version 1 (`user/ImagingStudy.read`) and 2 (`user/ImagingStudy.rs?category=…`) are understood.
Anything else, such as the names that Epic sends, says nothing about what a server will answer and closes nothing: only
a list made of SMART scopes alone is taken at its word.
"""

import re
from functools import lru_cache
from typing import Literal

Need = Literal["r", "s"]  # of one resource; of a search
_CLINICAL = re.compile(r"(?:patient|user|system)/(\*|[A-Z][A-Za-z]+)\.(read|write|\*|(?=.)c?r?u?d?s?)(?:\?\S*)?\Z")
_ABOUT_SIGN_IN = re.compile(
    r"(?:openid|fhirUser|profile|email|offline_access|online_access|launch(?:/\w+)?|\S+://\S*)\Z"
)
_V1 = {"read": "rs", "write": "", "*": "rs"}
# A Binary is read in the context of what points at it, and servers let it out under either name.
_INSTEAD = {"Binary": ("Binary", "DiagnosticReport", "DocumentReference")}


def permits(scope: str, kind: str, need: Need) -> bool:
    """Whether a token with this scope string may be expected to read, or search, that resource type; on doubt, yes."""
    granted = _granted(scope)
    if granted is None:
        return True
    return any((each, need) in granted for name in _INSTEAD.get(kind, (kind,)) for each in (name, "*"))


@lru_cache(maxsize=256)
def _granted(scope: str) -> frozenset[tuple[str, str]] | None:
    """Pairs of resource type and need, or None where the string does not tell."""
    found: set[tuple[str, str]] = set()
    told = False
    for word in scope.split():
        if clinical := _CLINICAL.match(word):
            told = True
            kind, rights = clinical.groups()
            found |= {(kind, right) for right in _V1.get(rights, rights) if right in "rs"}
        elif not _ABOUT_SIGN_IN.match(word):
            return None
    return frozenset(found) if told else None

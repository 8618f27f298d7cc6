"""Look-ups by code: one dictionary for exact codes and one for prefixes in each value set, built at load."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from cds_service.model import Coding, Member

SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
ICD10PCS = "http://www.cms.gov/Medicare/Coding/ICD10"
DICOM = "http://dicom.nema.org/resources/ontology/DCM"

# The same code systems under the names that senders use (FHIR R4, "Using codes": OIDs of the external systems).
_ALIASES = {
    "urn:oid:2.16.840.1.113883.6.96": SNOMED,
    "urn:oid:2.16.840.1.113883.6.1": LOINC,
    "urn:oid:2.16.840.1.113883.6.88": RXNORM,
    "urn:oid:2.16.840.1.113883.6.90": ICD10CM,
    "urn:oid:2.16.840.1.113883.6.4": ICD10PCS,
    "urn:oid:1.2.840.10008.2.16.4": DICOM,
    "http://www.radlex.org": "http://radlex.org",
}


@lru_cache(maxsize=1024)
def canonical_system(system: str) -> str:
    """The URI that our value sets use for a sender's code system (OID, trailing slash, https, SNOMED CT edition)."""
    plain = system.strip().rstrip("/")
    if plain.startswith("https://") and not plain.startswith("https://radelement"):
        plain = "http://" + plain[8:]
    if plain.startswith(SNOMED + "/"):
        return SNOMED
    return _ALIASES.get(plain, plain)


def canonical_code(system: str, code: str) -> str:
    """The code as indexed: ICD-10-CM is sent with and without its dot, PCS and CM in either case."""
    if system == ICD10CM:
        return code.replace(".", "").upper()
    return code.upper() if system == ICD10PCS else code


@dataclass(slots=True)
class Codes:
    """The codes of one value set."""

    exact: dict[tuple[str, str], Member] = field(default_factory=dict)
    prefixes: dict[tuple[str, str], Member] = field(default_factory=dict)
    longest: dict[str, int] = field(default_factory=dict)  # system -> length of its longest prefix
    groups: set[str] = field(default_factory=set)

    def add(self, member: Member, match: str) -> None:
        """Index a member; `subsumes` counts as exact: what stands below is added where it is known (`descendants`)."""
        system = canonical_system(member.system)
        code = canonical_code(system, member.code)
        if match == "prefix":
            self.prefixes[system, code] = member
            self.longest[system] = max(self.longest.get(system, 0), len(code))
        else:
            self.exact[system, code] = member
        if member.group:
            self.groups.add(member.group)

    def find(self, codings: Iterable[tuple[str, str]]) -> Member | None:
        """The member of the first coding that is listed, else the one with the longest prefix."""
        best, length = None, 0
        for key in codings:
            member = self.exact.get(key)
            if member is not None:
                return member
            system, code = key
            for size in range(min(len(code), self.longest.get(system, 0)), length, -1):
                member = self.prefixes.get((system, code[:size]))
                if member is not None:
                    best, length = member, size
                    break
        return best


def keys_of(codings: Iterable[Coding]) -> tuple[tuple[str, str], ...]:
    """The look-up keys of codings; a coding without a code has none."""
    keys = []
    for coding in codings:
        if coding.code:
            system = canonical_system(coding.system)
            keys.append((system, canonical_code(system, coding.code)))
    return tuple(keys)

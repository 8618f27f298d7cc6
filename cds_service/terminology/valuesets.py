"""The code lists of fhir_profiles/valuesets, loaded once and immutable after."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import orjson

from cds_service.errors import ContentError, Problem
from cds_service.layers import Folders, layered, topmost
from cds_service.model import Coding, Member
from cds_service.terminology.cancer_regions import place_cancers
from cds_service.terminology.descendants import Descendants, Key, below_listed
from cds_service.terminology.index import Codes, canonical_code, canonical_system, keys_of
from cds_service.terminology.local_codes import LocalCode, read_local_codes
from cds_service.terminology.phrases import OrderPhrases, load_order_phrases

EXTENSION = "http://second-read.org/fhir/StructureDefinition/member-"
VALUE_SET = "http://second-read.org/fhir/ValueSet/"
REGIONS = frozenset(
    (
        "spine", "brain", "neck", "chest", "heart", "abdomen", "pelvis", "breast", "msk", "vascular", "neurovascular",
        "whole-body", "other",
    )
)  # fmt: skip
SNOMED_FOLDER = "snomed"  # of valuesets/: what is of SNOMED CT stands apart
_ONE = {"group", "modality", "match", "needs-cancer", "trait"}
_MATCHES = {"exact", "prefix", "subsumes"}
_REGION_SETS = ("body-regions", "imaging-loinc-by-region")
_MatchedBy = Literal["code", "local-map"]
_Key = tuple[str, str, str]  # value set, system, code
WhatIsBelow = Callable[[frozenset[Key]], Descendants | None]  # of the codes that are marked `subsumes`


class ValueSets:
    """Everything a code can mean to us. Immutable; each look-up is a few dictionary reads."""

    __slots__ = (
        "_body_parts", "_codes", "_look_up", "_modalities", "_phrases", "_regions", "_traits", "descendants", "names",
    )  # fmt: skip

    def __init__(
        self,
        codes: dict[str, Codes],
        regions: dict[_Key, tuple[str, ...]],
        modalities: dict[_Key, str],
        traits: dict[_Key, str],
        body_parts: dict[str, tuple[str, ...]],
        phrases: OrderPhrases,
        descendants: Descendants | None = None,
    ) -> None:
        self.descendants = descendants
        self.names = frozenset(codes)
        self._codes: Mapping[str, Codes] = MappingProxyType(codes)
        self._regions = regions
        self._modalities = modalities
        self._traits = traits
        self._body_parts = body_parts
        self._phrases = phrases
        # A hospital uses a few thousand codes, over and over: most look-ups are one.
        self._look_up = lru_cache(maxsize=16384)(self._search)

    def find(self, value_set: str, codings: Iterable[Coding]) -> Member | None:
        """What the value set says of the first coding it lists, else of the longest prefix; None when it knows none."""
        return self._codes[value_set].find(keys_of(codings))

    def find_any(self, value_sets: Sequence[str], codings: Iterable[Coding]) -> tuple[Member, ...]:
        """At most one member of each value set, in the order the sets are named."""
        keys = keys_of(codings)
        return self._look_up(tuple(value_sets), keys) if keys else ()

    def _search(self, value_sets: tuple[str, ...], keys: tuple[tuple[str, str], ...]) -> tuple[Member, ...]:
        found = (self._codes[name].find(keys) for name in value_sets)
        return tuple(member for member in found if member is not None)

    def find_text(self, text: str) -> tuple[Member, ...]:
        """What the words of an order name, when no code does: drugs by ingredient name first, then order phrases."""
        return self._phrases.find(text)

    def regions(self, codings: Iterable[Coding]) -> tuple[str, ...]:
        """Region keys of imaging codes, body sites, and DICOM Body Part Examined strings (`LSPINE`) of any system."""
        found: dict[str, None] = {}
        for coding in codings:
            members = self.find_any(_REGION_SETS, (coding,))
            for member in members:
                found.update(dict.fromkeys(self._regions.get((member.value_set, member.system, member.code), ())))
            if not members:
                found.update(dict.fromkeys(self._body_parts.get(coding.code.upper(), ())))
        return tuple(found)

    def modalities(self, codings: Iterable[Coding]) -> tuple[str, ...]:
        """DICOM modality codes that imaging codes stand for; a modality code stands for itself."""
        found: dict[str, None] = {}
        for member in (self.find_any(("imaging-modality", "imaging-loinc-by-region"), (c,)) for c in codings):
            for one in member:
                modality = self._modalities.get((one.value_set, one.system, one.code))
                found[modality or one.code] = None
        return tuple(code for code in found if code)

    def trait(self, member: Member) -> str:
        """What the value set adds on a member: `silent`, `ingredient`, a RADS category, an intended use; or nothing."""
        return self._traits.get((member.value_set, member.system, member.code), "")

    def groups(self, value_set: str) -> frozenset[str]:
        """The groups of a value set, for whoever checks content that names them."""
        return frozenset(self._codes[value_set].groups)

    def members(self, value_set: str) -> tuple[Member, ...]:
        """Every member of a value set, exact codes first."""
        codes = self._codes[value_set]
        return (*codes.exact.values(), *codes.prefixes.values())


class _Reading:
    """What has been read so far, while value sets are being loaded."""

    def __init__(self) -> None:
        self.codes: dict[str, Codes] = {}
        self.regions: dict[_Key, tuple[str, ...]] = {}
        self.modalities: dict[_Key, str] = {}
        self.traits: dict[_Key, str] = {}
        self.body_parts: dict[str, tuple[str, ...]] = {}
        self.roots: dict[str, list[Member]] = {}  # by value set: codes that stand for all below them
        self.problems: list[Problem] = []

    def file(self, path: Path, matched_by: _MatchedBy = "code") -> None:
        """Read one ValueSet; one with an id ending in `-snomed` belongs to the set of that name without it.

        A site's own (`local-map`) adds to a set that is there; it cannot make a new one, which no rule would name.
        """
        try:
            raw = path.read_bytes()
            resource = orjson.loads(raw)
            includes = resource["compose"]["include"] if resource["resourceType"] == "ValueSet" else None
            id = str(resource["id"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            self.problems.append(Problem(path.name, 1, 1, "not-a-value-set", f"not a FHIR ValueSet: {error!r}"))
            return
        if id != path.stem or not isinstance(includes, list):
            self.problems.append(
                Problem(path.name, 1, 1, "wrong-id", f"id '{id}' must be the file name, and compose be given")
            )
            return
        name = id.removesuffix("-snomed")
        if matched_by == "local-map" and name not in self.codes:
            words = f"there is no value set '{name}'; known: {', '.join(sorted(self.codes))}"
            self.problems.append(Problem(path.name, 1, 1, "unknown-value-set", words))
            return
        codes = self.codes.setdefault(name, Codes())
        for include in includes:
            try:
                if "valueSet" in include:  # of SNOMED CT, read on its own; its groups stay known without it
                    codes.groups.update(one["valueString"] for one in include.get("extension", ()))
                else:
                    self.include(name, codes, include, matched_by)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                line = _line_of(raw, include)
                self.problems.append(Problem(path.name, line, 1, "bad-include", f"unreadable include: {error!r}"))

    def include(self, name: str, codes: Codes, include: dict[str, Any], matched_by: _MatchedBy) -> None:
        """Index the concepts of one include; its extensions hold for each of them."""
        said: dict[str, str] = {}
        regions: list[str] = []
        for one in include.get("extension", ()):
            what = one["url"].removeprefix(EXTENSION)
            value = one["valueCode"] if "valueCode" in one else one["valueString"]
            if what == "region":
                if value not in REGIONS:
                    raise ValueError(f"unknown region '{value}'")
                regions.append(value)
            elif what in _ONE:
                said[what] = value
            else:
                raise ValueError(f"unknown extension '{one['url']}'")
        match = said.get("match", "exact")
        if match not in _MATCHES:
            raise ValueError(f"unknown match '{match}'")
        system = include["system"]
        group, region, needs = said.get("group", ""), regions[0] if regions else None, "needs-cancer" in said
        modality, trait, several = said.get("modality"), said.get("trait"), tuple(regions)
        for concept in include["concept"]:
            code = concept["code"]
            member = Member(name, group, code, system, concept.get("display", ""), region, needs, matched_by)
            codes.add(member, match)
            if match == "subsumes":
                self.roots.setdefault(name, []).append(member)
            key = (name, system, code)
            if several:
                self.regions[key] = several
                for designation in concept.get("designation", ()):
                    self.body_parts[designation["value"]] = several
            if modality:
                self.modalities[key] = modality
            if trait:
                self.traits[key] = trait

    def local(self, code: LocalCode) -> None:
        """Index a site's own code; it stands before a shipped one."""
        self.codes[code.member.value_set].add(code.member, code.match)
        if code.match == "subsumes":
            self.roots.setdefault(code.member.value_set, []).append(code.member)
        if code.member.region:
            self.regions[code.member.value_set, code.member.system, code.member.code] = (code.member.region,)

    def descend(self, ask: WhatIsBelow) -> Descendants | None:
        """Ask what stands below the marked codes, and index it; what was used, or None where nothing is marked."""
        keys: dict[Key, None] = {}
        for member in (each for roots in self.roots.values() for each in roots):
            system = canonical_system(member.system)
            keys[system, canonical_code(system, member.code)] = None
        known = ask(frozenset(keys)) if keys else None
        if known is None:
            return None
        for name, roots in self.roots.items():
            for root, member in below_listed(self.codes[name], roots, known).values():
                above, here = (name, root.system, root.code), (name, member.system, member.code)
                if above in self.regions:
                    self.regions[here] = self.regions[above]
                for told in (self.modalities, self.traits):
                    if above in told:
                        told[here] = told[above]
        return known.only(keys)


def load_value_sets(
    folder: Folders,
    local: Folders | None = None,
    *,
    cards: Folders | None = None,
    snomed: bool = True,
    what_is_below: WhatIsBelow | None = None,
) -> ValueSets:
    """The value sets of `folder`, with the site's own codes (`local/*.csv` or FHIR ValueSets) over them, a later
    folder before an earlier one.

    Of several folders, the base first, a file of a later one takes the place of one before it. `folder/snomed/` holds
    what needs a SNOMED CT licence: leave it out by `snomed=False`, or by deleting it. Order phrases and cancer regions
    are read from `cards`, by default the folder of that name beside `fhir_profiles`. `what_is_below` is asked once what
    stands below the codes marked `subsumes`; without it, or where it does not know, they match exactly. Raises
    ContentError with every problem of the value sets at once.
    """
    reading = _Reading()
    folders = (folder,) if isinstance(folder, Path) else tuple(folder)
    for path in sorted(layered(folders, "*.json"), key=lambda path: path.parent.name == SNOMED_FOLDER):
        if snomed or path.parent.name != SNOMED_FOLDER:
            reading.file(path)
    if not reading.codes and not reading.problems:
        reading.problems.append(Problem(str(folders[0].name), 1, 1, "no-value-sets", "the folder holds no ValueSet"))
    if local is not None and not reading.problems:
        groups = {name: frozenset(codes.groups) for name, codes in reading.codes.items()}
        for layer in (local,) if isinstance(local, Path) else local:
            for path in sorted(layer.glob("*.json")):
                reading.file(path, "local-map")
            found, problems = read_local_codes(layer, groups, REGIONS)
            reading.problems.extend(problems)
            for code in found:
                reading.local(code)
    if reading.problems:
        raise ContentError(tuple(reading.problems))
    descendants = reading.descend(what_is_below) if what_is_below else None
    spoken = cards or [each.parent.parent / "cards" for each in folders]
    spoken = (spoken,) if isinstance(spoken, Path) else spoken
    regions = reading.codes.setdefault("cancer-conditions", Codes())
    place_cancers(topmost(spoken, "cancer-regions.yaml"), regions, REGIONS)
    ingredients = [
        member
        for member in reading.codes.get("oncology-systemic-therapy", Codes()).exact.values()
        if reading.traits.get((member.value_set, member.system, member.code)) == "ingredient"
    ]
    groups = {name: frozenset(codes.groups) for name, codes in reading.codes.items()}
    words = load_order_phrases(topmost(spoken, "order-phrases.yaml"), groups, ingredients, REGIONS)
    return ValueSets(
        reading.codes, reading.regions, reading.modalities, reading.traits, reading.body_parts, words, descendants
    )


def _line_of(raw: bytes, include: object) -> int:
    """The line where an include's first code stands in the file, or 1."""
    concepts = include.get("concept") if isinstance(include, dict) else None
    first = (
        concepts[0].get("code") if isinstance(concepts, list) and concepts and isinstance(concepts[0], dict) else None
    )
    at = raw.find(f'"{first}"'.encode()) if first else -1
    return raw.count(b"\n", 0, at) + 1 if at >= 0 else 1

"""Who reads a second time: by the organ of the operation first, then by body region (cards/routing.yaml).

A nearest provider taxonomy code names a subspecialty on an order, but never proves that a reader is of it.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cds_service.errors import ContentError, Problem
from cds_service.model import SLOTS, Coding, Order, Study, Subspecialty
from cds_service.yaml_source import Place, YamlSource, read_plain

_KEYS = frozenset(
    {
        "systems", "codes", "never_proves", "subspecialties", "by_group", "by_region", "by_words", "also_right",
        "unknown_region", "child",
    }
)  # fmt: skip
_SUBSPECIALTY_KEYS = frozenset({"label", "performer", "proves", "or"})
_TREATMENTS = ("systemic-therapy", "radiotherapy")


@dataclass(frozen=True, slots=True)
class Routing:
    """The routing table, loaded once. `ids` are all the subspecialties that rules may name."""

    ids: frozenset[str]
    _subspecialties: Mapping[str, Subspecialty]
    _by_group: Mapping[tuple[str, str], str]
    _by_region: Mapping[str, str]
    _by_words: Mapping[str, tuple[tuple[re.Pattern[str], str], ...]]
    _also_right: Mapping[str, tuple[str, ...]]
    _unknown_region: str
    _child: str  # subspecialty whose codes and readers join in for a child
    _proves: Mapping[tuple[str, str], tuple[str, ...]]
    _widened: dict[tuple[str, str, bool], Subspecialty] = field(default_factory=dict, compare=False)

    def subspecialty(self, id: str) -> Subspecialty:
        """The subspecialty of that id; KeyError for an id that is not in `ids`."""
        return self._subspecialties[id]

    def route(
        self,
        order: Order,
        study: Study | None,
        fixed: str | None,
        *,
        region: str | None = None,
        child: bool = False,
    ) -> Subspecialty | None:
        """Who should read the study again for this order, or None when nothing tells.

        `fixed` is what the rule itself says. Else the operation's group decides, then the region of the order, then
        that of the study when it shows only one; a cancer treatment of no known region goes to oncologic imaging.
        `region` is that of a lesion outside the organ under treatment: it alone then decides. A child is read by the
        same organ's subspecialist or by a paediatric radiologist, and the order names both.
        """
        if region is not None:
            id: str | None = self._by_region.get(region, self._unknown_region)
        else:
            region = order.region or (study.regions[0] if study is not None and len(study.regions) == 1 else None)
            id = fixed or self._of_group(order) or self._of_region(region, order, study)
        if id is None and (order.kind in _TREATMENTS or (study is not None and len(study.regions) > 1)):
            id = self._unknown_region
        if id is None:
            return None
        key = (id, region or "", child)
        if key not in self._widened:  # a handful of places, each asked for at every call
            self._widened[key] = self._of_place(id, region or "", child)
        return self._widened[key]

    def _of_place(self, id: str, region: str, child: bool) -> Subspecialty:
        chosen = self._subspecialties[id]
        also = self._also_right.get(region, ()) if self._by_region.get(region) == id else ()
        if not child:
            return replace(chosen, or_=tuple(dict.fromkeys((*chosen.or_, *also)))) if also else chosen
        young = self._subspecialties[self._child]
        return replace(
            chosen,
            label=f"pediatric {chosen.label}",
            performer=tuple(dict.fromkeys((*young.performer, *chosen.performer))),
            or_=tuple(dict.fromkeys((*chosen.or_, *also, young.id))),
        )

    def specialties(self, codings: Iterable[Coding]) -> tuple[str, ...]:
        """Our ids proved by codes on a reader (PractitionerRole.specialty, .code); general radiology proves none."""
        found: dict[str, None] = {}
        for coding in codings:
            found.update(dict.fromkeys(self._proves.get((coding.system.rstrip("/"), coding.code), ())))
        return tuple(found)

    def _of_group(self, order: Order) -> str | None:
        for member in order.members:
            for group in (member.group, "*"):
                id = self._by_group.get((member.value_set, group))
                if id is not None:
                    return id
        return None

    def _of_region(self, region: str | None, order: Order, study: Study | None) -> str | None:
        if region is None:
            return None
        for pattern, id in self._by_words.get(region, ()):
            named = (m.display for m in (*order.reason_members, *order.members))
            said = (reason.words for reason in order.reasons)
            words = " | ".join((order.concept.words, *said, *named, study.description if study else ""))
            if pattern.search(words):
                return id
        return self._by_region.get(region)


def load_routing(path: Path) -> Routing:
    """The table of the file, or ContentError with every problem at once."""
    source = read_plain(path)
    problems = source.unknown_keys((), source.value, _KEYS)
    if problems:
        raise ContentError(tuple(problems))
    problems.extend(source.problem((), "missing-key", f"'{key}' is missing") for key in _KEYS - set(source.value))
    for key in _KEYS & set(source.value):
        wanted = list if key == "never_proves" else str if key in ("unknown_region", "child") else dict
        if not isinstance(source.value[key], wanted):
            problems.append(source.problem((key,), "wrong-shape", f"'{key}' is to be a {wanted.__name__}"))
    if problems:
        raise ContentError(tuple(problems))
    codes = _codes(source, problems)
    subspecialties = _subspecialties(source, codes, problems)
    table = _tables(source, frozenset(subspecialties), problems)
    if problems:
        raise ContentError(tuple(problems))
    proves: dict[tuple[str, str], tuple[str, ...]] = {}
    for id, subspecialty in subspecialties.items():
        for code in subspecialty.proves:
            pair = (code.system, code.code)
            proves[pair] = (*proves.get(pair, ()), id)
    return Routing(ids=frozenset(subspecialties), _subspecialties=subspecialties, _proves=proves, **table)


def _codes(source: YamlSource, problems: list[Problem]) -> dict[str, Coding]:
    """`dicom 128011` -> Coding, for every code of the file."""
    made = {}
    systems = source.value["systems"]
    for name, display in source.value["codes"].items():
        system, _, code = str(name).partition(" ")
        if system not in systems or not code:
            words = f"'{name}' is to be a system of {', '.join(sorted(systems))} and a code"
            problems.append(source.problem(("codes", name), "bad-code", words))
        else:
            made[str(name)] = Coding(str(systems[system]), code, str(display))
    return made


def _subspecialties(
    source: YamlSource, codes: Mapping[str, Coding], problems: list[Problem]
) -> dict[str, Subspecialty]:
    """Every subspecialty of the file; a code that proves nothing may not stand under `proves`."""

    def listed(place: Place, value: Any, known: Iterable[str]) -> list[str]:
        names = [str(one) for one in value] if isinstance(value, list) else []
        if value is not None and not isinstance(value, list):
            problems.append(source.problem(place, "wrong-shape", "a list is expected"))
        for index, name in enumerate(names):
            if name not in known:
                problems.append(source.problem((*place, index), "unknown-name", f"'{name}' is not known here"))
        return [name for name in names if name in known]

    made: dict[str, Subspecialty] = {}
    table = source.value["subspecialties"]
    never = set(listed(("never_proves",), source.value["never_proves"], codes))
    for id, entry in table.items():
        place = ("subspecialties", id)
        wrong = source.unknown_keys(place, entry, _SUBSPECIALTY_KEYS)
        problems.extend(wrong)
        if wrong:
            continue
        label = entry.get("label")
        if not isinstance(label, str) or not 0 < len(label) <= SLOTS["subspecialty"]:
            words = f"a label of 1 to {SLOTS['subspecialty']} characters is needed"
            problems.append(source.problem((*place, "label"), "bad-label", words))
        performer = listed((*place, "performer"), entry.get("performer"), codes)
        proves = listed((*place, "proves"), entry.get("proves"), codes)
        for name in never & set(proves):
            words = f"'{name}' never proves a subspecialty"
            problems.append(source.problem((*place, "proves", proves.index(name)), "proves-nothing", words))
        made[id] = Subspecialty(
            id=id,
            label=str(label),
            performer=tuple(codes[name] for name in performer),
            proves=tuple(codes[name] for name in proves),
            or_=tuple(listed((*place, "or"), entry.get("or"), table)),
        )
    return made


def _tables(source: YamlSource, ids: frozenset[str], problems: list[Problem]) -> dict[str, Any]:
    """The look-up tables, with every subspecialty they name checked."""

    def known(place: Place, id: Any) -> str:
        if not isinstance(id, str) or id not in ids:
            words = f"'{id}' is no subspecialty; known: {', '.join(sorted(ids))}"
            problems.append(source.problem(place, "unknown-subspecialty", words))
        return str(id)

    def mapping(place: Place, value: Any) -> dict[str, Any]:
        if isinstance(value, dict):
            return value
        problems.append(source.problem(place, "wrong-shape", "keys and values are expected"))
        return {}

    def words_of(place: Place, value: Any) -> re.Pattern[str]:
        listed = [str(one) for one in value] if isinstance(value, list) and value else []
        if not listed:
            problems.append(source.problem(place, "wrong-shape", "a list of words is expected"))
        choices = "|".join(re.escape(word).replace(r"\*", r"\w*") for word in listed) or r"(?!)"
        return re.compile(rf"\b(?:{choices})\b", re.IGNORECASE)

    top = source.value
    return {
        "_by_group": {
            (value_set, group): known(("by_group", value_set, group), id)
            for value_set, groups in top["by_group"].items()
            for group, id in mapping(("by_group", value_set), groups).items()
        },
        "_by_region": {region: known(("by_region", region), id) for region, id in top["by_region"].items()},
        "_by_words": {
            region: tuple(
                (words_of(("by_words", region, id), words), known(("by_words", region, id), id))
                for id, words in mapping(("by_words", region), named).items()
            )
            for region, named in top["by_words"].items()
        },
        "_also_right": {
            region: tuple(
                known(("also_right", region), id) for id in (listed if isinstance(listed, list) else [listed])
            )
            for region, listed in top["also_right"].items()
        },
        "_unknown_region": known(("unknown_region",), top["unknown_region"]),
        "_child": known(("child",), top["child"]),
    }

"""Synthetic charts: who the patient is, what is on file, what is about to be signed, and what must happen then.

A chart file never ages: every date in it is written relative to the moment it is opened (`{{-20d}}`, `{{+3d 07:30}}`,
`{{+18h}}`, `{{-67y-112d}}`; inside prose `{{-95d us}}`), and report texts stand in `texts` as lines, so that they can
be read in the file: `{{text:report}}` and `{{base64:report}}` put them where FHIR wants them.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import orjson

FOLDER = Path(__file__).parent / "charts"
_WHEN = re.compile(r"\{\{((?:[+-]\d+[ydh])+)(?: (\d\d:\d\d|us))?\}\}")
_STEP = re.compile(r"([+-]\d+)([ydh])")
_UNITS = {"d": "days", "h": "hours"}
_TEXT = re.compile(r"\{\{(text|base64):([a-z0-9-]+)\}\}")


@dataclass(frozen=True, slots=True)
class Chart:
    """One synthetic patient at one moment; `resources` and `orders` are plain FHIR R4 JSON."""

    id: str
    title: str
    story: str
    setting: str
    patient: str  # reference
    user: str  # reference of who signs
    encounter: str  # id
    fhir_server: str | None
    expect: Mapping[str, Any]
    texts: Mapping[str, str]
    resources: tuple[dict[str, Any], ...]
    orders: tuple[dict[str, Any], ...]


def load_charts(now: datetime) -> tuple[Chart, ...]:
    """All charts as they stand on the day of `now`, in the order in which they are shown."""
    return tuple(_resolve(raw, now) for raw in _files())


def find_chart(id: str, now: datetime) -> Chart | None:
    """One chart, or None when there is no such chart."""
    return next((_resolve(raw, now) for raw in _files() if raw["id"] == id), None)


@cache
def _files() -> tuple[dict[str, Any], ...]:
    charts = [orjson.loads(path.read_bytes()) for path in FOLDER.glob("*.json")]
    return tuple(sorted(charts, key=lambda chart: (chart["sort"], chart["id"])))


def _resolve(raw: Mapping[str, Any], now: datetime) -> Chart:
    texts = {name: _dated("\n".join(lines), now) for name, lines in raw["texts"].items()}
    return Chart(
        id=raw["id"],
        title=raw["title"],
        story=raw["story"],
        setting=raw["setting"],
        patient=raw["patient"],
        user=raw["user"],
        encounter=raw["encounter"],
        fhir_server=raw.get("fhirServer"),
        expect=raw["expect"],
        texts=texts,
        resources=tuple(_filled(resource, now, texts) for resource in raw["resources"]),
        orders=tuple(_filled(order, now, texts) for order in raw["orders"]),
    )


def _filled(value: Any, now: datetime, texts: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(each, now, texts) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, now, texts) for each in value]
    if isinstance(value, str) and "{{" in value:
        return _TEXT.sub(lambda found: _placed(found, texts), _dated(value, now))
    return value


def _placed(found: re.Match[str], texts: Mapping[str, str]) -> str:
    text = texts[found[2]]
    return base64.b64encode(text.encode()).decode() if found[1] == "base64" else text


def _dated(text: str, now: datetime) -> str:
    return _WHEN.sub(lambda found: _written(found[1], found[2], now), text)


def _written(steps: str, how: str | None, now: datetime) -> str:
    day = now.astimezone(UTC)
    for amount, unit in _STEP.findall(steps):
        if unit == "y":
            # A leap day has no counterpart in most years; the 28th is near enough for a synthetic birthday.
            day = day.replace(year=day.year + int(amount), day=min(day.day, 28) if day.month == 2 else day.day)
        else:
            day += timedelta(**{_UNITS[unit]: int(amount)})
    if how == "us":
        return f"{day:%m/%d/%Y}"
    if how:
        return f"{day:%Y-%m-%d}T{how}:00+00:00"
    return f"{day:%Y-%m-%dT%H:%M:00+00:00}" if "h" in steps else f"{day:%Y-%m-%d}"

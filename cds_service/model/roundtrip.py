"""The JSON round trip of every type that passes between rooms."""

from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")


@cache
def _converter() -> Any:
    """One cattrs converter, made on first use: the hot path never needs it."""
    from cattrs.preconf.orjson import make_converter

    return make_converter(omit_if_default=True)


def to_json(value: Any) -> bytes:
    """Any type of this module as canonical JSON (members sorted, defaults omitted)."""
    import orjson

    return orjson.dumps(_converter().unstructure(value), option=orjson.OPT_SORT_KEYS)


def from_json(cls: type[T], raw: bytes | str) -> T:
    """The inverse of `to_json`; raises `cattrs.BaseValidationError` when the JSON is not a `cls`."""
    import orjson

    result: T = _converter().structure(orjson.loads(raw), cls)
    return result

"""The window in which calls are kept, and the keeping."""

import logging
import os
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from cds_service.capturing.masking import masked
from cds_service.model import AuthenticatedClient, HookRequest

LOOK_SECONDS = 2.0
KEPT = timedelta(days=7)
LONGEST = timedelta(hours=4)
MOVE_DAYS = 3650
_WINDOW = "window.json"
_FILES = "call-*.json"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Window:
    """Until when calls are kept, at most how many, by whom it was opened and why."""

    until: datetime
    most: int
    by: str
    reason: str
    with_report_text: bool = False


def open_window(folder: Path, window: Window, now: datetime) -> None:
    """Open it; raises `ValueError` where it is longer than four hours, and `OSError`."""
    if not now < window.until <= now + LONGEST:
        raise ValueError(f"a window of at most {LONGEST.seconds // 3600} hours is expected")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _remove_old(folder, now)
    _write(folder / _WINDOW, orjson.dumps(asdict(window)))
    log.warning("capture: window opened until %s by %s: %s", window.until.isoformat(), window.by, window.reason)


def close_window(folder: Path, now: datetime) -> bool:
    """Close it; False where none was open."""
    _remove_old(folder, now)
    was_open = opened(folder, now) is not None
    (folder / _WINDOW).unlink(missing_ok=True)
    if was_open:
        log.warning("capture: window closed")
    return was_open


def opened(folder: Path, now: datetime) -> Window | None:
    """The window that is open now."""
    try:
        found = orjson.loads((folder / _WINDOW).read_bytes())
        window = Window(**found | {"until": datetime.fromisoformat(found["until"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return window if now < window.until and len(list(folder.glob(_FILES))) < window.most else None


class Captures:
    """Keeps calls while a window is open; one in each process. Without a folder it never does."""

    def __init__(self, folder: Path | None, clock: Callable[[], datetime]) -> None:
        self._folder = folder
        self._clock = clock
        self._due = 0.0
        self._window: Window | None = None

    def keep(self, call: HookRequest, client: AuthenticatedClient, cards: int) -> None:
        """Keep this call if a window is open. Never raises: the answer is ready."""
        if self._folder is None:
            return
        try:
            if time.monotonic() >= self._due:
                self._due = time.monotonic() + LOOK_SECONDS
                self._window = opened(self._folder, self._clock())
            if self._window is not None:
                self._write(self._folder, self._window, call, client, cards)
        except Exception as error:  # noqa: BLE001  a capture that fails must not cost the surgeon the answer
            log.warning("capture: a call could not be kept: %s", type(error).__name__)

    def _write(self, folder: Path, window: Window, call: HookRequest, client: AuthenticatedClient, cards: int) -> None:
        now = self._clock()
        if now >= window.until or len(list(folder.glob(_FILES))) >= window.most:
            self._window = None
            return
        days = secrets.randbelow(2 * MOVE_DAYS) - MOVE_DAYS
        kept = {
            "captured": {
                "at": (now + timedelta(days=days)).isoformat(),
                "client": client.profile,
                "cards": cards,
                "by": window.by,
                "reason": window.reason,
                "with_report_text": window.with_report_text,
            },
            "request": masked(as_sent(call), days, with_report_text=window.with_report_text),
        }
        name = f"call-{now.astimezone(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}.json"
        _write(folder / name, orjson.dumps(kept, option=orjson.OPT_INDENT_2))
        log.warning("capture: one call kept as %s", name)


def as_sent(call: HookRequest) -> Mapping[str, Any]:
    """The request as JSON again."""
    sent: dict[str, Any] = {
        "hook": "order-sign",
        "hookInstance": call.hook_instance,
        "context": {
            "userId": call.user_id,
            "patientId": call.patient_id,
            "draftOrders": {"resourceType": "Bundle", "type": "collection", "entry": list(call.draft_orders)},
        },
        "prefetch": call.prefetch,
    }
    if call.encounter_id:
        sent["context"]["encounterId"] = call.encounter_id
    if call.fhir:
        sent["fhirServer"] = call.fhir.base
        sent["fhirAuthorization"] = {"token_type": "Bearer", "scope": call.fhir.scope, "access_token": ""}
    return sent


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def _remove_old(folder: Path, now: datetime) -> None:
    for path in folder.glob(_FILES):
        if now.timestamp() - path.stat().st_mtime > KEPT.total_seconds():
            path.unlink(missing_ok=True)

"""Answers are kept in a file, and asked for anew when they are old or something else is asked.

The start never waits long. A server that is down, slow or talks nonsense costs a warning: what was kept before stays in
use, and where nothing was kept a code matches exactly.
"""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from cds_service.config import Settings
from cds_service.errors import SettingsError
from cds_service.expansion.asking import Server, Unanswered, what_is_below
from cds_service.outbound.connections import guarded_session
from cds_service.telemetry import log
from cds_service.terminology.descendants import (
    Below,
    Descendants,
    Key,
    asked_digest,
    read_descendants,
    write_descendants,
)
from cds_service.terminology.valuesets import WhatIsBelow

START_SECONDS = 10.0  # what the start of the service may wait for a server
FRESH_DAYS = 30  # SNOMED CT International appears monthly
_GRACE = 0.5  # seconds, for an answer that is being checked when the time is over


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What is known now, which of it came just now, and what could not be had."""

    descendants: Descendants
    asked: int  # how many marked codes there are
    answered: frozenset[Key] = frozenset()
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class _Answers:
    """What the asking thread has found so far; whoever waits takes what is there when the time is over."""

    of: dict[Key, Below] = field(default_factory=dict)
    failed: dict[Key, str] = field(default_factory=dict)


def server_of_settings(settings: Settings) -> Server | None:
    """The terminology server that the settings name, or None; raises `SettingsError` for an unreadable secret."""
    if not settings.terminology_server:
        return None
    authorization = None
    if file := settings.terminology_authorization_file:
        try:
            authorization = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{file}: cannot be read: {type(error).__name__}") from None
        if not (authorization.isascii() and authorization.isprintable()):
            raise SettingsError(f"{file}: one line of ASCII is expected, the value of an Authorization header")
    return Server(
        settings.terminology_server,
        lambda: guarded_session(settings.private_networks, ca_file=settings.ca_file, parallel=1),
        authorization,
    )


def below_by_settings(settings: Settings) -> WhatIsBelow | None:
    """What the terminology server of the settings says of codes, or None without one; raises `SettingsError`.

    It asks when it is called, which is while content is loaded.
    """
    server = server_of_settings(settings)
    if server is None:
        return None

    def ask(keys: frozenset[Key]) -> Descendants:
        found = keep_fresh(keys, server, settings.terminology_cache)
        for warning in found.warnings:
            log.warning("terminology server", server=server.base, why=warning)
        known = found.descendants
        log.info("codes expanded", server=server.base, count=known.count, digest=known.digest)
        return known

    return ask


def keep_fresh(
    keys: Iterable[Key],
    server: Server,
    cache: Path,
    *,
    seconds: float = START_SECONDS,
    today: date | None = None,
    always: bool = False,
    clock: Callable[[], float] = time.monotonic,
) -> Refreshed:
    """What stands below these codes: from the file while it is about just this and fresh, else from the server.

    `always` asks about every code again. Never raises for what a server or a file does; takes at most `seconds` and a
    moment.
    """
    wanted = sorted(set(keys))
    today = today or datetime.now(UTC).date()
    name, warnings = asked_digest(server.base, wanted), []
    kept = Descendants(server.base, {})
    try:
        of, found = read_descendants(cache)
        if found.server == server.base:  # what another server said may be of another edition
            kept = found
        complete = of == name
    except FileNotFoundError:
        complete = False
    except (OSError, ValueError) as error:
        complete = False
        warnings.append(f"the kept answers cannot be used ({type(error).__name__}): all are asked for anew")
    asked = [key for key in wanted if always or not complete or _is_old(kept.of.get(key), today)]
    answers = _asked(asked, server, seconds, today, clock) if asked else _Answers()
    now = Descendants(server.base, dict(kept.of) | answers.of).only(wanted)
    by_reason: dict[str, list[Key]] = {}
    for key in asked:
        if key not in answers.of:
            by_reason.setdefault(answers.failed.get(key, "no answer in time"), []).append(key)
    for reason, missing in by_reason.items():
        old = sum(key in now.of for key in missing)
        use = f"{old} by earlier answers, {len(missing) - old} exactly"
        warnings.append(f"{reason}: {len(missing)} of {len(wanted)} marked codes not answered; they match {use}")
    if answers.of:
        try:
            write_descendants(cache, name, now)
        except OSError as error:
            warnings.append(f"the answers cannot be kept ({type(error).__name__}): the next start asks again")
    return Refreshed(now, len(wanted), frozenset(answers.of), tuple(warnings))


def _is_old(below: Below | None, today: date) -> bool:
    return below is None or not 0 <= (today - below.asked).days < FRESH_DAYS


def _asked(keys: list[Key], server: Server, seconds: float, today: date, clock: Callable[[], float]) -> _Answers:
    """Ask on a thread that is left behind when the time is over: looking up a name cannot be told to end."""
    answers, until = _Answers(), clock() + seconds

    def ask() -> None:
        try:
            with server.session() as session:
                for key in keys:
                    try:
                        answers.of[key] = what_is_below(key, server, session, until, today, clock)
                    except Unanswered as why:
                        answers.failed[key] = why.reason
                        if why.final:
                            answers.failed |= {rest: why.reason for rest in keys if rest not in answers.of}
                            return
        except Exception as error:  # noqa: BLE001  nothing that a server can do stops the start
            answers.failed |= {rest: type(error).__name__ for rest in keys if rest not in answers.of}

    thread = threading.Thread(target=ask, name="terminology-server", daemon=True)
    thread.start()
    thread.join(seconds + _GRACE)
    return _Answers(dict(answers.of), dict(answers.failed))

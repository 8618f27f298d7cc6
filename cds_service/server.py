"""gunicorn, embedded: content is loaded and told once, before the fork; ledger and connections are opened after it."""

import gc
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger

from cds_service.config import Settings, check_host
from cds_service.errors import ContentError, Problem
from cds_service.reloads import RuleSetState, state_path, write_state

if TYPE_CHECKING:  # at run time the metrics directory must be set before these are imported
    from flask import Flask

    from cds_service.content import Content

GRACEFUL_SECONDS = 15
KEEP_ALIVE_SECONDS = 75  # longer than proxies keep an idle connection, so that it is they who close
_METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


def serve(settings: Settings, host: str, port: int) -> None:
    """Serve until SIGTERM; raises `SettingsError` or `ContentError` when it must not start."""
    check_host(settings, host)
    gc.disable()  # nothing of what is loaded now is garbage; looking for it makes the start a fifth slower
    folder, parent = tempfile.mkdtemp(prefix="second-read-metrics-"), os.getpid()
    # prometheus_client decides at its first import whether counts are shared between processes.
    os.environ.setdefault(_METRICS_FOLDER, folder)
    try:
        _run(settings, host, port)
    finally:
        if os.getpid() == parent:  # a worker that ends leaves through here too
            shutil.rmtree(folder, ignore_errors=True)


def _run(settings: Settings, host: str, port: int) -> None:
    from cds_service.app import create_app, open_settings_ledger
    from cds_service.auth import SeenTokens, load_trust, operator_token
    from cds_service.content.of_settings import load_settings_content
    from cds_service.telemetry import configure_logs

    configure_logs(settings.log_level)
    load_trust(settings)
    operator_token(settings)
    if settings.auth == "jwt":
        SeenTokens(settings.database_url).close()  # made here rather than by all workers at once
    serving = Serving(settings, load_settings_content)
    open_settings_ledger(settings).close()  # made or found wanting here, rather than in each worker
    _keep_loaded()
    gc.set_threshold(50_000, 20, 50)  # a call makes thousands of objects and no cycles; the default looks every 700
    options = _options(settings, host, port, serving.content)
    Server(lambda: create_app(settings, content=serving.content), options, serving.load_again).run()


def _keep_loaded() -> None:
    """What is loaded stays shared between the workers: the collector does not touch it again."""
    gc.enable()
    gc.unfreeze()
    gc.collect()
    gc.freeze()


class Serving:
    """The content that workers are made with. It is replaced as a whole, by content that loads without an error."""

    def __init__(self, settings: Settings, load: "Callable[[Settings], Content]") -> None:
        self._settings, self._load = settings, load
        self._path = state_path(settings.pid_file)
        self.content = load(settings)
        self.state = RuleSetState(self.content.digest, self.content.rules.digest)
        self._tell()

    def load_again(self) -> bool:
        """Load what stands in the files now. False where the old content is kept: log, metric and readiness say so."""
        from cds_service.telemetry import count_reload, log

        loads = self.state.loads + 1
        try:
            content = self._load(self._settings)
        except Exception as error:  # noqa: BLE001  whatever is wrong with the new content, the old one keeps serving
            problems = error.problems if isinstance(error, ContentError) else ()
            first = _told(problems[0]) if problems else type(error).__name__
            now = self.content
            self.state = RuleSetState(now.digest, now.rules.digest, loads, max(len(problems), 1), first)
            count_reload("refused")
            log.error("content refused", count=self.state.refused, where=first, digest=now.rules.digest)
        else:
            self.content = content
            self.state = RuleSetState(content.digest, content.rules.digest, loads)
            _keep_loaded()
            count_reload("taken")
            log.info("content loaded", digest=content.rules.digest, count=len(content.rules.rules))
        self._tell()
        return not self.state.refused

    def _tell(self) -> None:
        if self._path is not None:
            write_state(self._path, self.state)


def first_lines(settings: Settings, addresses: list[str], content: "Content") -> Iterator[str]:
    """What an operator must know of a service that has just started."""
    yield f"second-read listens on {', '.join(addresses)}"
    active = [rule.id for rule in content.rules.rules if rule.status == "active"]
    silent = [rule.id for rule in content.rules.rules if rule.status != "active"]
    yield f"rules active: {', '.join(active) or 'none'}"
    yield f"rules silent: {', '.join(silent) or 'none'}"
    off = "off (loopback only, forwarded calls are refused)"
    yield f"authentication: {off if settings.auth == 'off' else settings.auth}"
    yield f"FHIR servers that may be read: {', '.join(settings.fhir_servers) or 'none (prefetch alone)'}"
    if settings.demo:
        yield f"demo EHR: {addresses[0]}/demo"


def _told(problem: Problem) -> str:
    """A problem as readiness may tell it to anyone: the file's name, its line, and what kind of mistake it is."""
    return f"{Path(problem.file).name}:{problem.line}:{problem.column}: {problem.code}"


class MaskedLogger(Logger):  # type: ignore[misc]  # gunicorn has no annotations
    """gunicorn's own logger, which at its more talkative levels writes paths and tracebacks, masked like the others."""

    def setup(self, cfg: Any) -> None:
        """Called by gunicorn."""
        super().setup(cfg)
        from cds_service.telemetry import MaskedLine

        for handler in self.error_log.handlers:
            handler.setFormatter(MaskedLine())


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no annotations
    """A gunicorn that takes its options and its application from here, not from a command line or a file."""

    def __init__(
        self, make_app: "Callable[[], Flask]", options: dict[str, Any], load_again: Callable[[], bool] = lambda: True
    ) -> None:
        self._make_app = make_app
        self._options = options
        self.load_again = load_again
        super().__init__()

    def load_config(self) -> None:
        """Called by gunicorn: hand over the options it knows (some are of later versions)."""
        for name, value in self._options.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> "Flask":
        """Called by gunicorn in each worker, after the fork."""
        return self._make_app()

    def run(self) -> None:
        """Serve until told to end."""
        try:
            _Arbiter(self).run()
        except RuntimeError as error:
            click.echo(f"Error: {error}", err=True)
            sys.exit(1)


class _Arbiter(Arbiter):  # type: ignore[misc]  # gunicorn has no annotations
    """On SIGHUP content is loaded here, once; only if it has no error are workers made with it, and the old ones end
    after what they are answering. So each call is decided by one rule set, whole."""

    def handle_hup(self) -> None:
        """Called by gunicorn for SIGHUP."""
        if self.app.load_again():
            self.reload()


def _options(settings: Settings, host: str, port: int, content: "Content") -> dict[str, Any]:
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def when_ready(arbiter: Any) -> None:
        addresses = [str(listener).rstrip("/") for listener in arbiter.LISTENERS]
        for line in first_lines(settings, addresses, content):
            click.echo(line)

    return {
        "bind": [address],
        "worker_class": "gthread",
        "workers": settings.workers,
        "threads": settings.threads,
        "keepalive": KEEP_ALIVE_SECONDS,
        "graceful_timeout": GRACEFUL_SECONDS,
        "accesslog": None,  # the path is all it could add, and logs are kept free of whatever a caller writes there
        "errorlog": "-",
        "loglevel": settings.log_level if settings.log_level == "debug" else "warning",
        "logger_class": MaskedLogger,
        "forwarded_allow_ips": "",
        "forwarder_headers": "",
        "worker_tmp_dir": "/dev/shm" if Path("/dev/shm").is_dir() else None,  # noqa: S108  # gunicorn's own heartbeat file
        "control_socket_disable": True,
        "pidfile": str(settings.pid_file) if settings.pid_file else None,
        "when_ready": when_ready,
        "worker_exit": _close_parts,
        "child_exit": _forget_metrics,
    }


def _close_parts(_arbiter: Any, worker: Any) -> None:
    """A worker ends: what its ledger still holds is written."""
    from cds_service.app import close_app

    if worker.app.callable is not None:
        close_app(worker.app.callable)


def _forget_metrics(_arbiter: Any, worker: Any) -> None:
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]  # the library has no annotation here

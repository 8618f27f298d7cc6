"""Bringing a database to where this program expects it: made whole where there is none, else by Alembic's migrations.

Every process that opens the ledger comes through here, one at a time. A database that is newer than the program is
taken as long as its compatibility allows: that is what makes it possible to go back to the version before, and to run
two versions beside each other while machines are updated one by one.
"""

from pathlib import Path

import sqlalchemy as sa

from cds_service.errors import SettingsError
from cds_service.ledger.tables import COMPATIBILITY, REVISION, about, alembic_version, metadata

ONE_AT_A_TIME = 5_302_113  # any number of our own: PostgreSQL lets one process at a time make the tables
SCRIPTS = Path(__file__).parent / "migrations"


def bring_up(connection: sa.Connection, fingerprints: tuple[str, ...]) -> None:
    """Make or migrate the tables, and hold compatibility and keys against the program's; in the caller's transaction.

    Raises `SettingsError` for a ledger that this version cannot work with, or that was made with other keys.
    """
    if connection.dialect.name != "sqlite":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(ONE_AT_A_TIME)))
    revision = _revision(connection)
    if revision is None:
        metadata.create_all(connection)
        connection.execute(sa.insert(alembic_version).values(version_num=REVISION))
        connection.execute(sa.insert(about).values(name="schema", value=str(COMPATIBILITY)))
    elif revision != REVISION:
        _migrate(connection)
    facts = {row.name: row.value for row in connection.execute(sa.select(about))}
    if facts.get("schema") != str(COMPATIBILITY):
        raise SettingsError(
            f"ledger: a database of compatibility {COMPATIBILITY} is expected, this one has {facts.get('schema')};"
            " it was made by a version that this one cannot work beside"
        )
    _check_keys(connection, {name.removeprefix("key:") for name in facts if name.startswith("key:")}, fingerprints)


def _revision(connection: sa.Connection) -> str | None:
    """Where the database stands; None where there is no ledger in it yet."""
    tables = set(sa.inspect(connection).get_table_names())
    if "alembic_version" in tables:
        return str(connection.execute(sa.select(alembic_version.c.version_num)).scalar_one())
    if "about" in tables:
        raise SettingsError("ledger: this database is of a version before the first that was published; set it aside")
    return None


def _migrate(connection: sa.Connection) -> None:
    """Upgrade to the newest revision that this program knows; a database that is further along stays as it is."""
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if _revision(connection) in known:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _check_keys(connection: sa.Connection, known: set[str], fingerprints: tuple[str, ...]) -> None:
    """Refuse a ledger none of whose keys is at hand: its history would silently be empty."""
    if known and not known & set(fingerprints):
        raise SettingsError("ledger key: not a key this ledger was made with; its history would not be found")
    if fingerprints[0] not in known:
        if connection.dialect.name == "sqlite":
            from sqlalchemy.dialects.sqlite import insert
        else:
            from sqlalchemy.dialects.postgresql import insert  # type: ignore[assignment]  # the same to us
        row = {"name": f"key:{fingerprints[0]}", "value": "current from here on"}
        connection.execute(insert(about).on_conflict_do_nothing(), [row])

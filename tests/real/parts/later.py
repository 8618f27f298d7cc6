"""A later version of this program: a copy of the package with one more migration, and code that uses what it adds.

It adds as versions may: a column that may be empty and a table whose rows the chain binds, and writes to both.
"""

import re
import shutil
import sys
from pathlib import Path

from parts.processes import ROOT

_TABLE = """
later_rows = Table(
    "later_rows",
    metadata,
    Column("id", ID, primary_key=True),
    Column("note", Text, nullable=False),
    Column("batch", ID, nullable=False),
    Index("later_rows_by_batch", "batch"),
)
feedback.append_column(Column("later_note", Text))
RECORDED = (later_rows, """
_MIGRATION = '''"""What a later version adds."""

import sqlalchemy as sa
from alembic import op

from cds_service.ledger.tables import append_only

revision = "{revision}"
down_revision = "{before}"
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("feedback", sa.Column("later_note", sa.Text))
    op.create_table(
        "later_rows",
        sa.Column("id", ID, primary_key=True),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("batch", ID, nullable=False),
    )
    op.create_index("later_rows_by_batch", "later_rows", ["batch"])
    for statement in append_only(op.get_bind().dialect.name, "later_rows"):
        op.execute(sa.text(statement))
'''
REVISION = "later"


def later_version(folder: Path) -> Path:
    """Make it in `folder`; its `second-read`."""
    package = folder / "cds_service"
    shutil.copytree(ROOT / "cds_service", package, ignore=shutil.ignore_patterns("__pycache__"))
    for content in ("cards", "fhir_profiles"):
        shutil.copytree(ROOT / content, folder / content)
    tables = package / "ledger" / "tables.py"
    (before,) = re.findall(r'^REVISION = "(\w+)"', tables.read_text(), re.MULTILINE)
    _change(tables, f'REVISION = "{before}"', f'REVISION = "{REVISION}"')
    _change(tables, "\nRECORDED = (", _TABLE)
    migration = _MIGRATION.format(revision=REVISION, before=before)
    (package / "ledger" / "migrations" / "versions" / f"{REVISION}.py").write_text(migration)
    store = package / "ledger" / "store.py"
    _change(store, "row.get(name) for name", 'row.get(name, "told later" if name == "later_note" else None) for name')
    _change(
        store,
        "            if batch.count:\n",
        '            if batch.count:\n                batch.insert("later_rows", [{"note": "told later"}])\n',
    )
    program = folder / "second-read"
    program.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(folder)!r})\n"
        "from cds_service.__main__ import main\nmain()\n"
    )
    program.chmod(0o755)
    return program


def _change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1, f"{file.name} has changed: {old!r}"
    file.write_text(text.replace(old, new))

"""Why a verdict is silent, what an override reason did, the review queue, and operational state as rows."""

import sqlalchemy as sa
from alembic import op

from cds_service.ledger.tables import append_only

revision = "0002"
down_revision = "0001"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add columns that may be empty, indexes, and two tables that are only ever added to."""
    op.add_column("verdicts", sa.Column("silent_because", sa.Text))
    op.add_column("verdicts", sa.Column("arm", sa.Text))
    op.create_index("verdicts_by_day", "verdicts", ["day", "rule", "status", "outcome", "silent_because"])
    op.create_index("calls_by_day", "calls", ["day", "orders"])
    op.add_column("cards", sa.Column("encounter_hash", sa.Text))
    op.add_column("cards", sa.Column("user_hash", sa.Text))
    op.add_column("feedback", sa.Column("effect", sa.Text))
    op.create_table(
        "review_queue",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("card", sa.Text, nullable=False),
        sa.Column("client", sa.Text, nullable=False),
        sa.Column("queued_at", sa.Text, nullable=False),
        sa.Column("batch", ID, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("review_queue_by_batch", "review_queue", ["batch"])
    op.create_table(
        "operations",
        sa.Column("id", ID, primary_key=True),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("handle", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("until", sa.Text),
        sa.Column("user_group", sa.Text),
        sa.Column("subject_sealed", sa.Text),
        sa.Column("batch", ID, nullable=False),
    )
    op.create_index("operations_by_batch", "operations", ["batch"])
    for table in ("review_queue", "operations"):
        for statement in append_only(op.get_bind().dialect.name, table):
            op.execute(sa.text(statement))

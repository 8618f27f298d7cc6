"""The ledger as first published: calls, verdicts, cards and feedback, chained and sealed."""

import sqlalchemy as sa
from alembic import op

from cds_service.ledger.tables import append_only

revision = "0001"
down_revision = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make every table, and let the database refuse changes to what is recorded."""
    op.create_table(
        "about",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "writers",
        sa.Column("id", ID, primary_key=True),
        sa.Column("started_at", sa.Text, nullable=False),
    )
    op.create_table(
        "batches",
        sa.Column("batch", ID, primary_key=True, autoincrement=False),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("written_at", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "checkpoints",
        sa.Column("last", ID, primary_key=True, autoincrement=False),
        sa.Column("first", ID, nullable=False),
        sa.Column("start", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("written_at", sa.Text, nullable=False),
        sa.Column("sealed_at", sa.Text, nullable=False),
        sa.Column("public_key", sa.Text, nullable=False),
        sa.Column("signature", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "calls",
        sa.Column("id", ID, primary_key=True),
        sa.Column("call", ID, nullable=False),
        sa.Column("hook_hash", sa.Text, nullable=False),
        sa.Column("client", sa.Text, nullable=False),
        sa.Column("day", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("orders", sa.Integer, nullable=False),
        sa.Column("cards", sa.Integer, nullable=False),
        sa.Column("gaps", sa.Text, nullable=False),
        sa.Column("millis", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("encounter_hash", sa.Text),
        sa.Column("user_kind", sa.Text),
        sa.Column("user_hash", sa.Text),
        sa.Column("user_sealed", sa.Text),
        sa.Column("location_sealed", sa.Text),
        sa.Column("batch", ID, nullable=False),
    )
    op.create_index("calls_by_batch", "calls", ["batch"])
    op.create_table(
        "verdicts",
        sa.Column("id", ID, primary_key=True),
        sa.Column("call", ID, nullable=False),
        sa.Column("hook_hash", sa.Text, nullable=False),
        sa.Column("day", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("order_hash", sa.Text, nullable=False),
        sa.Column("study_hash", sa.Text),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("because", sa.Text, nullable=False),
        sa.Column("says", sa.Text, nullable=False),
        sa.Column("indicator", sa.Text, nullable=False),
        sa.Column("recognised_by", sa.Text, nullable=False),
        sa.Column("linked_by", sa.Text, nullable=False),
        sa.Column("checks", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("kind", sa.Text),
        sa.Column("code", sa.Text),
        sa.Column("batch", ID, nullable=False),
    )
    op.create_index("verdicts_by_batch", "verdicts", ["batch"])
    op.create_index("verdicts_by_hook", "verdicts", ["hook_hash"])
    op.create_table(
        "cards",
        sa.Column("uuid", sa.Text, primary_key=True),
        sa.Column("call", ID, nullable=False),
        sa.Column("client", sa.Text, nullable=False),
        sa.Column("patient_hash", sa.Text, nullable=False),
        sa.Column("study_hash", sa.Text),
        sa.Column("order_hash", sa.Text, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("rules", sa.Text, nullable=False),
        sa.Column("indicator", sa.Text, nullable=False),
        sa.Column("repeated", sa.Integer, nullable=False),
        sa.Column("returned_at", sa.Text, nullable=False),
        sa.Column("batch", ID, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("cards_by_batch", "cards", ["batch"])
    op.create_index("cards_by_patient", "cards", ["patient_hash", "repeated", "returned_at"])
    op.create_index("cards_by_time", "cards", ["returned_at", "patient_hash"])
    op.create_table(
        "feedback",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("card", sa.Text, nullable=False),
        sa.Column("client", sa.Text, nullable=False),
        sa.Column("patient_hash", sa.Text),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("received_at", sa.Text, nullable=False),
        sa.Column("reason_code", sa.Text),
        sa.Column("reason_system", sa.Text),
        sa.Column("suggestions", sa.Text, nullable=False),
        sa.Column("comment_sealed", sa.Text),
        sa.Column("batch", ID, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("feedback_by_batch", "feedback", ["batch"])
    op.create_index("feedback_by_card", "feedback", ["card"])
    op.create_index("feedback_by_patient", "feedback", ["patient_hash"])
    op.create_table(
        "feedback_arrivals",
        sa.Column("id", ID, primary_key=True),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("received_at", sa.Text, nullable=False),
        sa.Column("batch", ID, nullable=False),
    )
    op.create_index("feedback_arrivals_by_batch", "feedback_arrivals", ["batch"])
    op.create_table(
        "irrelevant_calls",
        sa.Column("id", ID, primary_key=True),
        sa.Column("client", sa.Text, nullable=False),
        sa.Column("minute", sa.Text, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("batch", ID, nullable=False),
    )
    op.create_index("irrelevant_calls_by_batch", "irrelevant_calls", ["batch"])
    dialect = op.get_bind().dialect.name
    for table in (
        "calls", "verdicts", "cards", "feedback", "feedback_arrivals", "irrelevant_calls",
        "writers", "batches", "checkpoints",
    ):  # fmt: skip
        for statement in append_only(dialect, table):
            op.execute(sa.text(statement))

"""${message}"""

import sqlalchemy as sa
from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Add; never change or drop what the version before reads or writes."""
    ${upgrades if upgrades else "pass"}

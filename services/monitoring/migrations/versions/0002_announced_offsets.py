"""Up to which offsets a partition's alerts are announced: what a replay need not say again."""

from shared.persistence.migrate import script

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column."""
    script("alter table checkpoint add column announced jsonb not null default '{}';")

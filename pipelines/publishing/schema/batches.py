"""Batches: what was published when, by whom, with how many rows; and who may publish."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Date, Integer, Table, Text, UniqueConstraint

from pipelines.publishing.schema.base import CORE, col, key, metadata, one_of, references
from pipelines.publishing.types import SurrogateKey, UtcTimestamp

BATCH_STATES = ("published", "withdrawn")
BATCH_KINDS = ("publication", "withdrawal")

publish_batch = Table(
    "publish_batch",
    metadata,
    key("batch_id", "counts up in the order of publication"),
    col("publication_id", Text(), comment="the publisher's own id; publishing it again changes nothing"),
    col("batch_kind", Text(), comment="publication, or withdrawal of an earlier batch"),
    col("state", Text(), comment="published, or withdrawn by a later batch"),
    col("orchestrator_run_id", Text(), comment="orchestrator's run that published"),
    col("code_version", Text(), comment="version of the code that computed and published"),
    col("data_through", Date(), comment="last day whose data is complete in this batch"),
    col("started_at", UtcTimestamp(), comment="when the publisher began (UTC)"),
    col("published_at", UtcTimestamp(), comment="when readers began to see this batch (UTC)"),
    col("fencing_token", BigInteger(), comment="the publisher's lease; grows with every take-over"),
    col("withdraws_batch_id", SurrogateKey, references("publish_batch", "batch_id"), null=True,
        comment="for a withdrawal: the batch it withdraws"),
    col("reason", Text(), null=True, comment="for a withdrawal: why"),
    UniqueConstraint("publication_id"),
    one_of("batch_kind", BATCH_KINDS),
    one_of("state", BATCH_STATES),
    CheckConstraint("(batch_kind = 'withdrawal') = (withdraws_batch_id IS NOT NULL)", name="withdraws_one"),
    schema=CORE,
    comment="One row per publication. Rows appear in the transaction that publishes them, never before.",
)  # fmt: skip

publish_manifest = Table(
    "publish_manifest",
    metadata,
    col("batch_id", SurrogateKey, references("publish_batch", "batch_id"), primary_key=True,
        comment="the batch"),
    col("table_name", Text(), primary_key=True, comment="published base table"),
    col("row_count", BigInteger(), comment="current rows in the table once the batch was published"),
    col("inserted_count", BigInteger(), comment="rows this batch inserted"),
    col("revised_count", BigInteger(), comment="of these, rows that replace an earlier one"),
    col("retired_count", BigInteger(), comment="rows this batch retired"),
    col("refreshed_count", BigInteger(), comment="rows whose derived columns were brought up to date in place"),
    schema=CORE,
    comment="What each batch left in each table: a reader can count and compare.",
)  # fmt: skip

publisher_lease = Table(
    "publisher_lease",
    metadata,
    col("lease_name", Text(), primary_key=True, comment="always publisher: there is one writer"),
    col("fencing_token", BigInteger(), comment="grows with every take-over; an older token may not publish"),
    col("holder", Text(), comment="run that holds the lease"),
    col("acquired_at", UtcTimestamp(), comment="when it was taken (UTC)"),
    col("expires_at", UtcTimestamp(), comment="from when others may take it over (UTC)"),
    schema=CORE,
    comment="Who may publish. A publisher whose token is no longer here is fenced.",
)

object_comment = Table(
    "object_comment",
    metadata,
    col("schema_name", Text(), primary_key=True, comment="schema on PostgreSQL"),
    col("object_name", Text(), primary_key=True, comment="table or view"),
    col("column_name", Text(), primary_key=True, comment="column; empty for the object itself"),
    col("object_kind", Text(), comment="table or view"),
    col("position", Integer(), comment="position of the column; 0 for the object itself"),
    col("description", Text(), comment="what it means"),
    one_of("object_kind", ("table", "view")),
    schema=CORE,
    comment="The comments of all tables, views and columns as rows: SQLite has no COMMENT.",
)

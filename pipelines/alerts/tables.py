"""The tables of the reporting database that alerts live in, as this room needs them.

The tables themselves belong to the published schema (`pipelines.publishing.schema`); this file names the columns
that the outbox reads and writes, so that both sides can be held against each other by a test.

alert_log: one row per alert, recipient and channel; the outbox and the history in one.

| column | type | meaning |
|---|---|---|
| alert_key | bigint, key | surrogate, in order of insertion |
| dedup_key | text | `<episode>#<notice>`; unique per recipient and channel while queued or sent |
| episode | text | `<type>:<subject kind>:<subject id>@<since>`: what the alert is about, and which time round |
| notice | text | firing, worsened, reminder, escalation, resolved, event |
| alert_type, subject_kind, subject_id, severity | text | |
| recipient, channel | text | `person:ana`, `team:support`; channel by its catalogue name; '' where none was reached |
| delivery_state | text | queued, sent, failed, suppressed |
| reason | text | why it was queued or suppressed: a value of `decide.Reason` |
| suppressed_by | text, null | what suppressed it: a silence, an inhibiting alert, a message it was joined to |
| message | text | one line for people |
| payload | text (JSON) | everything a channel needs to render the alert (`model.Alert`) |
| created_at | timestamp | when it was decided |
| next_try_at | timestamp, null | not before; while a drain works on it, the end of its lease |
| attempts | integer | deliveries begun; a drain's claim compares and raises it |
| message_key | text, null | the message it travels in: same on every try, the receiver's idempotency key |
| last_error | text, null | of the last failed try, without secrets |
| sent_at, acknowledged_at | timestamp, null | |
| acknowledged_by | text, null | person's key or e-mail |
| batch_id | bigint, null | publication that raised it |

alert_silence: silence_id, alert_type, subject_id, team (each a pattern with `*`, NULL matches all), starts_at, ends_at,
reason, created_by, created_at. Written by people.

alert_acknowledgement: acknowledgement_id, episode, verdict (acknowledged, expected, false), reason, by, created_at,
expected_from, expected_to. Written by people (signed link, CLI, INSERT); the drain takes it over into alert_log.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Table


@dataclass(frozen=True)
class AlertTables:
    """The three tables, as SQLAlchemy sees them on the engine in use."""

    log: Table
    silence: Table
    acknowledgement: Table

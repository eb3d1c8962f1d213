"""Governance: who may move a definition from draft to review, certified and deprecated, and what that needs.

    approvers_of(catalogue, metric)         # whose word counts for it
    step_problems(catalogue, old, new)      # what is wrong with how a status changed
    reviews(catalogue, today)               # when each definition is due to be looked at again
    codeowners(catalogue, prefix="catalogue", host=Host.GITHUB)

Source: definition lint, 'Errors' (approver ≠ proposer, a changed certified metric drops to review, `deprecated` needs
`replaced_by` and a date); dictionary rules, 'Files' and 'The compiler'.
"""

from __future__ import annotations

from definitions.governance.codeowners import Host, codeowners, in_file
from definitions.governance.flow import (
    STATUSES,
    STEPS,
    Step,
    approvers_of,
    certificate_is_older,
    dropped,
    no_say,
    status_in_force,
    step_problems,
)
from definitions.governance.retirement import (
    Use,
    is_retired,
    notice_of,
    refuse_retired,
    successor_of,
    uses_of,
)
from definitions.governance.reviews import Review, review_of, reviews

__all__ = [
    "STATUSES",
    "STEPS",
    "Host",
    "Review",
    "Step",
    "Use",
    "approvers_of",
    "certificate_is_older",
    "codeowners",
    "dropped",
    "in_file",
    "is_retired",
    "no_say",
    "notice_of",
    "refuse_retired",
    "review_of",
    "reviews",
    "status_in_force",
    "step_problems",
    "successor_of",
    "uses_of",
]

"""Objectives, KPI status and contributions of a whole catalogue: the scoring rules applied to computed values.

`status.apply_status` colours the KPI value frame, `contributions.contribution_rows` walks the driver trees,
`assemble.score_cycles` scores key results and objectives, `signals` looks for what good numbers hide. Around them:
check-ins (`checkins`, `web`), the close of a cycle (`closing`), and key results as CSV (`exchange`). The rules
themselves are in `pipelines.scoring`.
"""

"""Objectives, KPI status and contributions of a whole catalogue: the scoring rules applied to computed values.

| asks | answers |
|---|---|
| what colour is every value? | `status.apply_status` (`limits`: which target holds; `frame`: neighbours in time) |
| how does each key result stand? | `assemble.score_cycles` (`assess` by kind: `outcome`, `control`, `effort`) |
| what drove a change? | `contributions.contribution_rows`, `effects.segment_effects`, `contributions.influences` |
| what do good numbers hide? | `signals` |
| what do people say? | `checkins` (the desk), `check_in_files`, `web` (the form), `dues` |
| how does a cycle end, and the next begin? | `closing`, `next_cycle` |
| in a spreadsheet? | `export_csv`, `import_csv` |

The rules themselves are in `pipelines.scoring`.
"""

"""The rules of key results, KPI status, pace, forecast, roll-up, driver trees and cycles, as pure functions.

Nothing here reads a file, a table or the clock. Every module holds one subject of the scoring rules;
numbers go in as `Decimal`, `int` or `float`, and come out as `Decimal` quantised to six places. A
missing value is `None` with a reason beside it, never zero.

Three different things get a colour, and each has a module of its own:

- `score`: how far a key result got against its target;
- `pace`: whether it is where it should be today;
- `status`: whether a KPI is inside its limits.
"""

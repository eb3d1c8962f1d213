"""The compiler: definitions → SQL, one named pass per module.

resolve (names → typed expressions) → plan (metrics → values over shared scans) → batch (metrics that
share sources) → render (trees → text for an engine). `compile_catalogue` serves the pipeline, `query`
serves people.

    for batch in compile_catalogue(catalogue, start=date(2026, 1, 1), end=date(2026, 6, 15)):
        frame = warehouse.query(batch.sql("duckdb"))
"""

from definitions.compiler.batch import COLUMNS, Batch, Compiler, compile_catalogue
from definitions.compiler.render import DIALECTS
from definitions.compiler.rows import Scan

__all__ = ["COLUMNS", "DIALECTS", "Batch", "Compiler", "Scan", "compile_catalogue"]

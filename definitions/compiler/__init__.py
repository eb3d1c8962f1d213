"""The compiler: definitions → SQL, one named pass per module.

resolve (names → typed expressions) → plan (metrics → measures, scans and values) → batch (metrics that
share scans) → render (trees → text for an engine). `compile_catalogue` serves the pipeline, `query`
serves people.
"""

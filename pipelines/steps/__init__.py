"""What a run does, step by step, without Dagster: each function takes an installation and a warehouse, does one
thing, leaves its result in the warehouse, and says what it did."""

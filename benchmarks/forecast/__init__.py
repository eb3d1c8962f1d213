"""Which forecast is published, and why: a backtest on generated and real weekly series."""

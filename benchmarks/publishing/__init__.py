"""How fast a batch is published, against the least that the engine can do with the same rows."""

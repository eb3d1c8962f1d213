"""Tests, mirroring the rooms: unit (pure rules), integration (real engines), end_to_end (the whole chain)."""

"""What people write, as validated shapes: one module per kind of file. The published JSON Schema is made from these."""

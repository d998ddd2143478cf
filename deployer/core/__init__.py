"""Values in, values out: no files, network, clock, environment or logging (held by import-linter)."""

"""Values in, text out: one audience per file."""

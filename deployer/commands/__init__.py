"""One verb per file: open the edges, call the core, write the text."""

"""Text files as rows: opened, decompressed, decoded and parsed, with every line known."""

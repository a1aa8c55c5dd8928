"""From any log to a checked, split, memory-mapped data set."""

"""The formats: one file each, from a path to a draft of a data set."""

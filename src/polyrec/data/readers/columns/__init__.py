"""Columns with a meaning: roles, keys, numbers and times out of what a file holds."""

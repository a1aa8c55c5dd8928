"""Compiled work on rows of a few events each, packed one after the other."""

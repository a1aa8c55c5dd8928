"""Compiled loops over plain arrays. Every kernel has a typed wrapper; none depends on threads."""

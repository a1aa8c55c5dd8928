"""Verbs that look at graphs."""

"""Asking runs about the vectors of their items."""

"""Compiled solvers of closed forms: least squares by turns, descent along coordinates."""

"""Compiled loops over plain arrays. Every kernel has a typed wrapper; none depends on threads."""

from __future__ import annotations

from pathlib import Path

from polyrec.kernels.caching.kept import keep_by_sources

keep_by_sources(Path(__file__).parent)

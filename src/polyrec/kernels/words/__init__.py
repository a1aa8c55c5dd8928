"""Compiled training of word vectors: who stands beside whom, against whom, and one step of it."""

"""Compiled loops over graphs: plain arrays of compressed rows in, plain arrays out."""

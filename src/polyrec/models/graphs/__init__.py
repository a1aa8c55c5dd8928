"""Models on graphs: who likes what, and vectors and classes of nodes."""

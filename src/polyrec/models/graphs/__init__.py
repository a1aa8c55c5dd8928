"""Models on graphs: vectors and classes of nodes, from features and from their links."""

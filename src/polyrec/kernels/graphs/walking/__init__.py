"""What walks go by: the graph made ready, and steps that remember."""

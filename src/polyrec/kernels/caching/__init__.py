"""Where code compiled from this package waits for the next process."""

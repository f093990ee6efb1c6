"""Scripts that reproduce published tables; they use the public API only."""

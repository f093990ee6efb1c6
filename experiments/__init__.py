"""Scripts that reproduce published tables and measure what the documents report."""

"""Speed against peers; the public API only."""

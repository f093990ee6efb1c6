"""Speed against peers; one architecture at a time is timed on the engine's compiled program."""

"""Numbers of version 0.1.0 that later versions have to give again."""

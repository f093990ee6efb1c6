"""The made-up published file and its server, for every test of the room."""

from tests.data.served import cache, published, server

__all__ = ["cache", "published", "server"]

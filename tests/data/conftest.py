"""The made-up published file and its server, for every test of the room."""

from tests.data.served import data_cache, published, server

__all__ = ["data_cache", "published", "server"]

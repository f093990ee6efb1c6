# What the room gives; each name is imported when it is first used.
from .fetch import add_file as add_file, fetch as fetch
from .places import (
    cache_folder as cache_folder,
    data_folder as data_folder,
    find_data as find_data,
    locate as locate,
)
from .published import (
    PUBLISHED as PUBLISHED,
    Kind as Kind,
    PublishedFile as PublishedFile,
    file_matches as file_matches,
)

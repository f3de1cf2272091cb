"""Fetch files over the network: resumed, retried, checked and cached. Imports nothing heavy."""

from action_recognition.download.cache import (
    CACHE_VARIABLE,
    StartKeyword,
    cache_folder,
    fetch_recorded,
    record_file,
)
from action_recognition.download.fetching import ALLOWED_SCHEMES, fetch
from action_recognition.download.identity import Expected, FileFacts, Say, file_facts, part_file

# The modules behind these names may change.
__all__ = [
    "ALLOWED_SCHEMES",
    "CACHE_VARIABLE",
    "Expected",
    "FileFacts",
    "Say",
    "StartKeyword",
    "cache_folder",
    "fetch",
    "fetch_recorded",
    "file_facts",
    "part_file",
    "record_file",
]

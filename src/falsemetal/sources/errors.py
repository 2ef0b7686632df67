"""Errors of sources."""


class SourceError(ValueError):
    """Files that cannot be had or are not the right ones; the message says what to do."""

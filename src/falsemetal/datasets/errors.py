"""Errors of datasets."""


class DatasetError(ValueError):
    """Data that cannot be used; the message says what is wrong and how to fix it."""

"""What can go wrong with a dataset."""


class DatasetError(ValueError):
    """Data that cannot be used; the message names the culprit and the mend."""

"""Runs that others have made, which stand as those of a potential."""

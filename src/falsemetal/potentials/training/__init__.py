"""One training for all models."""

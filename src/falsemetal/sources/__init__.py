"""Public data and models: what `data/sources.yaml` says of them, and how their files are had."""

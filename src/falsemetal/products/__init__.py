"""One module a figure; each draws from tidy tables and returns the table it drew."""

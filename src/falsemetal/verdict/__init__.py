"""Whether any potential feels the field of distant dipoles: the stacking test and its verdict."""

"""Does a machine-learned potential put a polar liquid into an impossible electronic state?"""

__version__ = "0.1.0"

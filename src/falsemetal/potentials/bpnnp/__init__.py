"""Behler-Parrinello networks in the files of n2p2 and RuNNer, as committees."""

"""Charges that minimise a quadratic energy: dense and iterative solutions with derivatives."""

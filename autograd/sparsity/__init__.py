"""Sparse derivatives: which entries may be nonzero, and how to compute many of them at once."""

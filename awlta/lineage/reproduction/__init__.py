"""Reproduction: a product is made again from its record by its own release, and compared."""

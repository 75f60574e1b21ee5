"""Retention: how long bytes are kept, and what is left of a product without them."""

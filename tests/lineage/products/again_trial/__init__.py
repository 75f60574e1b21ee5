"""A recipes package whose products are made again."""

"""Files: those of a product, their records and replicas, and where they are written."""

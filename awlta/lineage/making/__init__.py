"""Making: a recipe is run, and what it made is recorded with how."""

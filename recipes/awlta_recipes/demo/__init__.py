"""The main job on the embedded default: ``python -m awlta_recipes.demo``."""

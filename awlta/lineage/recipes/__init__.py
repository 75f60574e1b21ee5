"""Recipes: where their code is found, what it is, which parameters it has, what it reaches."""

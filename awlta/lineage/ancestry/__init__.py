"""Ancestry: what things were made from, drawn, exported, and published as a whole."""

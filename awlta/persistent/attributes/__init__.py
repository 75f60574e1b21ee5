"""Attributes: what a class has, how a value is kept, and which conditions it can meet."""

"""Classes: a body becomes a persistent class, and its objects become rows and come back."""

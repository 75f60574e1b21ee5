"""Queries: what is asked becomes SQL, runs, and is answered."""

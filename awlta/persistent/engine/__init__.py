"""Engine: what a database needs to run statements, wait its turn, and guard its rows."""

"""Evolution: classes change, and a database is brought to them by revisions."""

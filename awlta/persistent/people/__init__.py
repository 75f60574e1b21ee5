"""People: who there is, how they are listed, and how one comes in."""

"""Transfer: objects leave one database in a parcel and arrive in another."""

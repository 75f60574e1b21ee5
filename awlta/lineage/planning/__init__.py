"""Planning: what is to be made for what is wanted, at what cost, and that it is made."""

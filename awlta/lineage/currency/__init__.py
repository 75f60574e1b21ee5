"""Currency: is a product still as it would be made today, why not, and whom does it concern."""

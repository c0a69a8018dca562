"""What the data, a query or a ZIP may try, and may not do."""

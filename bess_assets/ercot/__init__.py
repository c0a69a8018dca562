"""What ERCOT publishes: datasets, calendar, products, reports, rollups, and their columns."""

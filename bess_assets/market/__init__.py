"""What ERCOT publishes and what it is worth. Pure: knows no Dagster, no settings and no result folder."""

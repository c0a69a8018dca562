"""What it is worth: registry, awards, dispatch, prices, energy, ancillary services, days and boards. Knows no Dagster, no settings."""

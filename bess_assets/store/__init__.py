"""Where it lies: paths, fingerprints, locks, run records, Parquet files, what is missing or changed, and whether it fits."""

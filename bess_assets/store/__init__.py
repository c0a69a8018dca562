"""The files of a home: paths, fingerprints, locks, run records, result tables, rollups; and from these what is missing or changed, and whether it fits."""

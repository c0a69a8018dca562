"""`python -m bess_assets.cli` is `bess`."""

from bess_assets.cli import main

main()

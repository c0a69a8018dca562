"""Tests of the settlement itself: what each module of `bess_assets.market` promises."""

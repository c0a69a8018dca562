"""Tests of the settlement itself: what each module of `bess_assets.settlement` promises."""

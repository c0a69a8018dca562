"""What every ERCOT battery earned, and who earned most. Imports nothing: see `bess_assets.results` and `.definitions`."""

__version__: str


def __getattr__(name: str) -> str:
    """`__version__`, read from the package's metadata when first asked for and not at import."""
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415  50 ms that no query should pay

        try:
            found = version("bess-assets")
        except PackageNotFoundError:
            found = "0+uninstalled"  # a source tree on the path, as workspace.yaml allows
        globals()[name] = found
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

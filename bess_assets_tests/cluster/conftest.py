"""The object store of the tests of places."""

from bess_assets_tests.store.conftest import running_store  # noqa: F401  a fixture

"""The application in this process, as the tests of the API have it."""

from tests.integration.api.conftest import start

__all__ = ["start"]

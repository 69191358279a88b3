"""Weilu as a later version would be: with migrations that this one does not know."""

from weilu.settings import *  # noqa: F403
from weilu.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.cli.later"]

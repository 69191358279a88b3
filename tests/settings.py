"""Weilu's own settings with a place of their own, cheaper password hashing and no static manifest.

WEILU_TEST_DATABASE chooses `sqlite` (a real file, as in production) or `postgresql` (a private
server). Processes that tests start inherit the environment set here and meet the same database.
"""

import atexit
import os
import shutil
import tempfile

from tests.support.postgres import private_server

TEST_DATABASE = os.environ.get("WEILU_TEST_DATABASE", "sqlite")
if os.environ.get("WEILU_TEST_HOME_OWNER") != str(os.getpid()):
    HOME = tempfile.mkdtemp(prefix="weilu-test-")
    atexit.register(shutil.rmtree, HOME, ignore_errors=True)
    os.environ["WEILU_TEST_HOME_OWNER"] = str(os.getpid())
    os.environ["WEILU_DATA_DIR"] = HOME
    os.environ["WEILU_SECRET_KEY"] = "only-for-tests-" + "x" * 40
    os.environ.pop("WEILU_DATABASE_URL", None)
    if TEST_DATABASE == "postgresql":
        os.environ["WEILU_DATABASE_URL"] = private_server() + "&application_name=weilu-tests"
    else:
        os.environ["WEILU_DATABASE_URL"] = f"sqlite:///{HOME}/weilu.sqlite3"

from weilu.settings import *  # noqa: E402, F403
from weilu.settings import DATABASES, STORAGES  # noqa: E402

# Tests meet the very database that the environment names, so that a child process meets it too.
DATABASES["default"]["TEST"] = {"NAME": DATABASES["default"]["NAME"]}
DATABASES["default"].pop("CONN_MAX_AGE", None)
PASSWORD_HASHERS = ["tests.support.hashers.QuickArgon2"]
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}

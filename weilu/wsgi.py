"""The web process's entry for granian."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "weilu.settings")
application = get_wsgi_application()

from weilu.vault import keys  # noqa: E402  (after Django is set up)

keys.shut()

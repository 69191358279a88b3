"""Secrets of this process never reach a log line."""

import os
import re
from functools import cache
from urllib.parse import unquote, urlsplit

from django.conf import settings

SECRET_NAME = re.compile(r"SECRET|PASSW|TOKEN|CREDENTIAL|PRIVATE|API_?KEY", re.IGNORECASE)
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f]")  # all but tab and line feed
SHORTEST = 6


@cache
def known_secrets() -> list[str]:
    """Values that must not be shown: the session key, the database's password, what the environment names a secret.

    Read once: settings and environment of a process stay as it found them.
    """
    values = {value for name, value in os.environ.items() if SECRET_NAME.search(name)}
    values.add(str(settings.SECRET_KEY))
    password = urlsplit(settings.CONFIG.database_url).password
    values.update({password, unquote(password)} if password else set())
    return sorted((value for value in values if len(value) >= SHORTEST), key=len, reverse=True)


def mask(text: str) -> str:
    """`text` with every known secret replaced, and without control characters."""
    for secret in known_secrets():
        text = text.replace(secret, "●●●●")
    return CONTROL.sub("", text)

"""Secrets of this process never reach a log line."""

import os
import re
from urllib.parse import unquote, urlsplit

from django.conf import settings

SECRET_NAME = re.compile(r"SECRET|PASSW|TOKEN|CREDENTIAL|PRIVATE|API_?KEY", re.IGNORECASE)
SHORTEST = 6


def known_secrets() -> list[str]:
    """Values that must not be shown: the session key, the database's password, what the environment names a secret."""
    values = {value for name, value in os.environ.items() if SECRET_NAME.search(name)}
    values.add(str(settings.SECRET_KEY))
    password = urlsplit(settings.CONFIG.database_url).password
    values.update({password, unquote(password)} if password else set())
    return sorted((value for value in values if len(value) >= SHORTEST), key=len, reverse=True)


def mask(text: str) -> str:
    """`text` with every known secret replaced, and without control characters."""
    for secret in known_secrets():
        text = text.replace(secret, "●●●●")
    return "".join(sign for sign in text if sign >= " " or sign in "\n\t")

"""django-helpdesk's settings, addresses and server: its own defaults, our database settings, the same web server."""

import os
import sys
from pathlib import Path

HOME = Path(os.environ["HELPDESK_HOME"])
SECRET_KEY = "only-for-measuring"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "urls_of_helpdesk"
INSTALLED_APPS = [
    "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.messages",
    "django.contrib.admin", "django.contrib.humanize", "django.contrib.sites", "django.contrib.staticfiles",
    "rest_framework", "account", "pinax.invitations", "pinax.teams", "reversion", "helpdesk",
]  # fmt: skip
SITE_ID = 1
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(HOME / "helpdesk.sqlite3"),
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON",
        },
    }
}
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
HELPDESK_USE_CDN = False
HELPDESK_ACTIVATE_API_ENDPOINT = False
USE_TZ = True
STATIC_URL = "/static/"
LOGIN_URL = "/helpdesk/login/"
LOGIN_REDIRECT_URL = "/helpdesk/dashboard/"
LOGGING_CONFIG = None


def fill(count: int, titles: Path) -> None:
    """`count` tickets, each with three follow-ups, in twenty queues; the newest 3 of 100 are open."""
    from datetime import timedelta
    from random import Random

    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.utils import timezone

    from helpdesk.models import FollowUp, Queue, Ticket, UserSettings

    call_command("migrate", verbosity=0)
    users = [User(username=f"user{n}", email=f"user{n}@example.com", is_staff=True) for n in range(40)]
    for user in users:
        user.set_unusable_password()
    users[0].is_superuser = True
    users[0].set_password("measuring-only-1")
    users = User.objects.bulk_create(users)
    UserSettings.objects.bulk_create(UserSettings(user=user) for user in users)
    queues = [Queue.objects.create(title=f"Queue {n}", slug=f"q{n}") for n in range(20)]
    random, now = Random(7), timezone.now()
    lines = iter(titles.read_text("utf-8").splitlines())
    for start in range(0, count, 5_000):
        tickets = []
        for place in range(start, min(start + 5_000, count)):
            title, body = next(lines).split("\t")
            at = now - timedelta(days=1095) * (1 - place / count)
            is_open = place > count * 0.97
            tickets.append(
                Ticket(
                    title=title, queue=random.choice(queues), created=at, modified=at, description=body,
                    submitter_email=f"user{random.randrange(40)}@example.com", priority=random.randrange(1, 6),
                    status=1 if is_open else 4, assigned_to=random.choice(users), secret_key="x",
                    due_date=now + timedelta(hours=random.randrange(-48, 96)) if is_open else None,
                )
            )  # fmt: skip
        tickets = Ticket.objects.bulk_create(tickets)
        FollowUp.objects.bulk_create(
            FollowUp(
                ticket=one, date=one.created, title="Comment", comment="同意，注意先备份。", public=True, user=users[1]
            )
            for one in tickets
            for _turn in range(3)
        )


def addresses() -> list[object]:
    from django.contrib import admin
    from django.urls import include, path

    return [path("admin/", admin.site.urls), path("helpdesk/", include("helpdesk.urls", namespace="helpdesk"))]


if __name__ == "__main__":
    import django

    sys.modules["site_of_helpdesk"] = sys.modules["__main__"]
    os.environ["DJANGO_SETTINGS_MODULE"] = "site_of_helpdesk"
    django.setup()
    fill(int(sys.argv[1]), Path(sys.argv[2]))

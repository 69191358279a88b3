"""Argon2 itself, with parameters that suit a test: a real hash in well under a millisecond."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class QuickArgon2(Argon2PasswordHasher):
    """The production algorithm and format; only the cost is lower."""

    time_cost = 1
    memory_cost = 8
    parallelism = 1

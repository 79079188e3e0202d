from django.contrib.auth import hashers


class Argon2PasswordHasher(hashers.Argon2PasswordHasher):
    """Argon2id at OWASP's 19 MiB, two passes, one lane.

    Django's default takes 100 MiB a hash, which falls over when many people sign in at once.
    """

    memory_cost = 19 * 1024  # KiB
    time_cost = 2
    parallelism = 1

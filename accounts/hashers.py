from django.contrib.auth import hashers


class Argon2PasswordHasher(hashers.Argon2PasswordHasher):
    """Argon2id with the parameters that OWASP recommends: 19 MiB, two passes, one lane.

    Django's default takes 100 MiB a hash: many logins at once would exhaust the memory.
    """

    memory_cost = 19 * 1024  # KiB
    time_cost = 2
    parallelism = 1

import factory

from accounts.models import User

PASSWORD = "correct horse battery"


class UserFactory(factory.django.DjangoModelFactory):
    """An account that signs in with PASSWORD."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"user{n}@example.com")
    first_name = "Ana"
    last_name = factory.Sequence(lambda n: f"Ruiz {n}")
    password = factory.django.Password(PASSWORD)


class StaffFactory(UserFactory):
    """An account that may open the admin but has no permissions."""

    is_staff = True


class SuperuserFactory(StaffFactory):
    is_superuser = True

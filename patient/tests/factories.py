import factory
from django.utils import timezone

from accounts.tests.factories import UserFactory
from patient.models import MedicalHistory, Patient


class PatientFactory(factory.django.DjangoModelFactory):
    """A patient who is the owner of a new user account, whose address is verified."""

    class Meta:
        model = Patient

    user = factory.SubFactory(
        UserFactory, email_verified_at=factory.LazyFunction(timezone.now)
    )  # an account that has just registered books three visits at most
    first_name = "Ana"
    last_name = factory.Sequence(lambda n: f"Ruiz {n}")


class DependentFactory(PatientFactory):
    """A dependent of the account `user`; by default of a new one whose owner has no profile."""

    first_name = "Leo"
    is_dependent = True


class MedicalHistoryFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = MedicalHistory

    patient = factory.SubFactory(PatientFactory)
    kind = MedicalHistory.Kind.ALLERGY
    description = "Penicillin"

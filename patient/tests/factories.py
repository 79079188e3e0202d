import factory

from accounts.tests.factories import UserFactory
from patient.models import MedicalHistory, Patient


class PatientFactory(factory.django.DjangoModelFactory):
    """A profile with a user of its own."""

    class Meta:
        model = Patient

    user = factory.SubFactory(UserFactory)
    first_name = "Ana"
    last_name = factory.Sequence(lambda n: f"Ruiz {n}")


class DependentFactory(PatientFactory):
    """A dependent of an account: `DependentFactory(user=patient.user)`."""

    first_name = "Leo"
    is_dependent = True


class MedicalHistoryFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = MedicalHistory

    patient = factory.SubFactory(PatientFactory)
    kind = MedicalHistory.Kind.ALLERGY
    description = "Penicillin"

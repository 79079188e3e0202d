"""By which channels the caller gets messages about visits."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.generics import RetrieveUpdateAPIView

from accounts.models import NotificationChoice
from appointment.serializers.notifications import NotificationsSerializer


@extend_schema_view(
    get=extend_schema(operation_id="patient_notifications_retrieve"),
    put=extend_schema(operation_id="patient_notifications_update"),
    patch=extend_schema(operation_id="patient_notifications_partial_update"),
)
class NotificationsView(RetrieveUpdateAPIView[Any]):
    """Which messages about visits the account gets by which channels; its dependents' too.

    Before a first change all come by mail. A kind with every channel off is not sent. `moved` and
    `canceled` keep one channel.
    """

    serializer_class = NotificationsSerializer

    def get_object(self) -> Any:
        """Return the choices of the caller's own account."""
        return NotificationChoice.objects.of(self.request.user)

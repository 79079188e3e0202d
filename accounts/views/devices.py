"""Views of the devices that a user is signed in on."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.mixins import DestroyModelMixin, ListModelMixin
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from accounts.models import Device
from accounts.requests import SignedInRequest
from accounts.serializers import DeviceSerializer, PushTokenSerializer


class DeviceViewSet(ListModelMixin, DestroyModelMixin, GenericViewSet[Device]):
    """The caller's own devices, the last used first; deleting one signs it out at once."""

    queryset = Device.objects.all()
    serializer_class = DeviceSerializer
    lookup_value_converter = "id"

    def get_queryset(self) -> QuerySet[Device]:
        return Device.objects.signed_in(self.request.user)

    def perform_destroy(self, instance: Device) -> None:
        instance.revoke()

    @extend_schema(
        request=PushTokenSerializer, responses={204: None}, operation_id="auth_push_token_set"
    )
    @action(
        methods=["post"],
        detail=True,
        url_path="push-token",
        serializer_class=PushTokenSerializer,
    )
    def push_token(self, request: SignedInRequest, pk: int) -> Response:
        """Send push messages to the app on this device; a device that had the token loses it."""
        body = PushTokenSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        self.get_object().register_push_token(body.validated_data["token"])
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses={204: None}, operation_id="auth_push_token_delete")
    @push_token.mapping.delete
    def delete_push_token(self, request: SignedInRequest, pk: int) -> Response:
        """Send no push messages to this device any more."""
        self.get_object().register_push_token("")
        return Response(status=status.HTTP_204_NO_CONTENT)


class LogoutAllView(APIView):
    """End every token and every session of the caller, this one too."""

    @extend_schema(request=None, responses={204: None}, operation_id="auth_logout_all")
    def post(self, request: SignedInRequest) -> Response:
        """Sign out everywhere: every token and every session ends at once, this one too."""
        request.user.sign_out_everywhere()
        return Response(status=status.HTTP_204_NO_CONTENT)

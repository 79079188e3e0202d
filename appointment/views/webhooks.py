"""Webhooks, for staff who see all sites: events concern visits at any."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView, ListAPIView, get_object_or_404
from rest_framework.mixins import DestroyModelMixin, ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from accounts.requests import SignedInRequest
from appointment.filters import WebhookDeliveryFilter
from appointment.models import Webhook, WebhookDelivery
from appointment.permissions import MayChangeWebhooks, MaySeeWebhooks
from appointment.serializers import (
    NewWebhookSerializer,
    SecretSerializer,
    WebhookDeliverySerializer,
    WebhookSerializer,
)
from extensions.rest.pagination import LongPaginator


class WebhookViewSet(
    ListModelMixin, RetrieveModelMixin, DestroyModelMixin, GenericViewSet[Webhook]
):
    """Webhooks: addresses of other systems that are sent the events of visits."""

    acts_as_staff = True
    permission_classes = (MaySeeWebhooks,)
    lookup_value_converter = "id"
    queryset = Webhook.objects.all()
    serializer_class = WebhookSerializer
    filter_backends = ()
    problems = {"get": (403,)}
    conflicts = {"post": ("too_many_webhooks",)}

    @extend_schema(request=NewWebhookSerializer, responses={201: NewWebhookSerializer})
    def create(self, request: SignedInRequest) -> Response:
        """Register a webhook. The answer has its `secret`, which no other answer has."""
        serializer = NewWebhookSerializer(data=request.data, context=self.get_serializer_context())
        serializer.is_valid(raise_exception=True)
        serializer.save()
        return Response(serializer.data, status=201)

    def partial_update(self, request: SignedInRequest, pk: int) -> Response:
        """Change the URL, the events or `is_active`."""
        serializer = self.get_serializer(self.get_object(), data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        serializer.save()
        return Response(serializer.data)

    def perform_destroy(self, instance: Webhook) -> None:
        instance.remove(self.request.user)  # type: ignore[arg-type]


class WebhookVerbView(GenericAPIView[Webhook]):
    """The base of the views that do something with one webhook."""

    acts_as_staff = True
    queryset = Webhook.objects.all()
    permission_classes = (MayChangeWebhooks,)
    lookup_url_kwarg = "webhook_id"


class RotateSecretView(WebhookVerbView):
    """Replace the secret of a webhook."""

    serializer_class = SecretSerializer

    @extend_schema(request=None, responses=SecretSerializer, operation_id="webhooks_rotate_secret")
    def post(self, request: SignedInRequest, webhook_id: int) -> Response:
        """Make a new secret, which no other answer has; for 24 hours the old one signs as well."""
        webhook = self.get_object()
        webhook.rotate_secret(request.user)
        return Response(SecretSerializer(webhook).data)


class TestWebhookView(WebhookVerbView):
    """Send a test to a webhook."""

    serializer_class = WebhookDeliverySerializer
    conflicts = {"post": ("webhook_inactive",)}

    @extend_schema(
        request=None, responses={202: WebhookDeliverySerializer}, operation_id="webhooks_test"
    )
    def post(self, request: SignedInRequest, webhook_id: int) -> Response:
        """Queue a message of the type `webhook.test`; `deliveries/` tells what becomes of it."""
        return Response(WebhookDeliverySerializer(self.get_object().send_test()).data, status=202)


class WebhookDeliveriesView(ListAPIView[WebhookDelivery]):
    """List the messages of a webhook, latest first; they are kept for 30 days.

    `count` is exact up to 10,000; of a longer list it is a number that the list has at least.
    """

    acts_as_staff = True
    permission_classes = (MaySeeWebhooks,)
    queryset = WebhookDelivery.objects.all()
    serializer_class = WebhookDeliverySerializer
    filterset_class = WebhookDeliveryFilter
    problems = {"get": (403,)}

    def get_queryset(self) -> QuerySet[WebhookDelivery]:
        """Return the messages of the webhook."""
        messages = WebhookDelivery.objects.filter(webhook=self.kwargs.get("webhook_id"))
        return messages.order_by("-occurred_at", "-pk")

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return the page; raises Http404 where there is no such webhook."""
        get_object_or_404(Webhook, pk=self.kwargs["webhook_id"])
        return super().list(request, *args, **kwargs)

    @property
    def paginator(self) -> Any:
        """Return the usual pagination, with the paginator that does not count all messages."""
        pagination: Any = super().paginator
        pagination.django_paginator_class = LongPaginator
        return pagination

from rest_framework import serializers

from customers.models import Customer
from customers.pagination import Cursor
from customers.selectors import DETAIL_FIELDS, LIST_FIELDS


class CustomerSerializer(serializers.ModelSerializer):
    class Meta:
        model = Customer
        fields = DETAIL_FIELDS
        read_only_fields = ("id", "created_at", "updated_at")


class CustomerRowSerializer(serializers.ModelSerializer):
    """Describes a row of a list in the schema. Rows are never passed through it."""

    class Meta:
        model = Customer
        fields = LIST_FIELDS
        read_only_fields = LIST_FIELDS


class CustomerPageSerializer(serializers.Serializer):
    results = CustomerRowSerializer(many=True)
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)


class CustomerStatsSerializer(serializers.Serializer):
    total = serializers.IntegerField()
    active = serializers.IntegerField()
    inactive = serializers.IntegerField()
    created_in_the_last_30_days = serializers.IntegerField()


class CursorField(serializers.CharField):
    def to_internal_value(self, data) -> Cursor:
        return Cursor.decode(super().to_internal_value(data))


class CustomerQuerySerializer(serializers.Serializer):
    """The parameters of a list."""

    search = serializers.CharField(
        required=False,
        allow_blank=True,
        default="",
        max_length=100,
        help_text="Part of a name, an e-mail address or a phone number.",
    )
    is_active = serializers.BooleanField(required=False, allow_null=True, default=None)
    page_size = serializers.IntegerField(required=False, min_value=1, max_value=200, default=50)
    cursor = CursorField(required=False, default=None, help_text="Taken from `next` or `previous`.")

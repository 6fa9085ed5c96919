from rest_framework import serializers

from customers.models import Customer


class CustomerSerializer(serializers.ModelSerializer):
    class Meta:
        model = Customer
        fields = "__all__"


class LeanSerializer(serializers.ModelSerializer):
    """The analysis' own for lists: no field is looked at that is not shown."""

    class Meta:
        model = Customer
        fields = ["id", "full_name", "email", "is_active"]

    def to_representation(self, instance):
        return {
            "id": instance.id,
            "full_name": f"{instance.first_name} {instance.last_name}",
            "email": instance.email,
            "is_active": instance.is_active,
        }

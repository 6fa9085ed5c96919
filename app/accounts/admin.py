from django import forms
from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.http import HttpRequest
from knox.admin import AuthTokenCreateForm

from accounts.models import Token


class TokenCreateForm(AuthTokenCreateForm):
    class Meta(AuthTokenCreateForm.Meta):
        model = Token
        fields = ("user", "name", "expiry")


@admin.register(Token)
class TokenAdmin(admin.ModelAdmin):
    """Lists, creates and revokes tokens. What a token is can't be shown again; what it was made for does not change."""

    list_display = ("name", "user", "token_key", "created", "expiry", "last_used_on")
    list_select_related = ("user",)
    search_fields = ("name", "token_key", "user__username")
    readonly_fields = ("token_key", "created", "last_used_on")
    fields = ("name", "user", "expiry", *readonly_fields)

    def has_change_permission(self, request: HttpRequest, obj: Token | None = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Token | None = None) -> tuple[str, ...]:
        return self.fields if obj else TokenCreateForm.Meta.fields

    def get_form(self, request: HttpRequest, obj: Token | None = None, **options) -> type[forms.ModelForm]:
        return super().get_form(request, obj, form=TokenCreateForm, **options)

    def formfield_for_foreignkey(self, db_field, request: HttpRequest, **options):
        # A token has all permissions of its user, so others' tokens are for administrators to create.
        if not request.user.is_superuser:
            options["queryset"] = get_user_model().objects.filter(pk=request.user.pk)
        return super().formfield_for_foreignkey(db_field, request, **options)

    def save_model(self, request: HttpRequest, obj: Token, form: TokenCreateForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        self.message_user(request, f"Copy the token now, it is not shown again: {form.token}", messages.WARNING)

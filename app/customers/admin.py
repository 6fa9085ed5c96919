from django.contrib import admin, messages
from django.contrib.admin.views.main import ORDER_VAR
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import F, Func, QuerySet, Value
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import cached_property

from customers import selectors, services
from customers.models import Customer
from customers.serializers import MAX_TERM_LENGTH


class CappedPaginator(Paginator):
    """Counts as far as somebody may turn the pages and no further, however large the table is."""

    limit = 10_000

    @cached_property
    def count(self) -> int:
        return self.object_list.order_by()[: self.limit].count()

    @property
    def is_capped(self) -> bool:
        return self.count >= self.limit


@admin.register(Customer)
class CustomerAdmin(admin.ModelAdmin):
    list_display = ("last_name", "first_name", "email", "phone", "company", "city", "is_active", "created_at")
    list_display_links = ("last_name", "first_name")
    list_filter = ("is_active",)
    list_per_page = 50
    readonly_fields = ("created_at", "updated_at")
    # Shows the search box; how to search is get_search_results' business.
    search_fields = ("last_name",)
    search_help_text = "Part of a name, an e-mail address or a phone number. The best matches come first."
    search_limit = 500
    # Of rows for one action: with each row a field, a form may have 1,000 (DATA_UPLOAD_MAX_NUMBER_FIELDS).
    action_limit = 900
    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).defer("search_text")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        if not search_term.strip():
            return queryset, False
        is_active = {"1": True, "0": False}.get(request.GET.get("is_active__exact"))
        page = selectors.customer_page(
            selection=selectors.Selection(term=search_term[:MAX_TERM_LENGTH], is_active=is_active),
            size=self.search_limit,
        )
        if page.next:
            self.message_user(request, f"These are the best {self.search_limit} matches of more.", messages.INFO)
        ids = [row["id"] for row in page.rows]
        if not ids:
            return queryset.none(), False
        found = queryset.filter(pk__in=ids)
        if ORDER_VAR not in request.GET:
            found = found.order_by(Func(Value(ids), F("pk"), function="array_position"))
        return found, False

    def response_action(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
        if request.POST.get("select_across") == "1" and queryset[: self.action_limit + 1].count() > self.action_limit:
            text = f"Nothing was done: these are more than {self.action_limit} customers. Search or filter for fewer."
            self.message_user(request, text, messages.ERROR)
            return None
        return super().response_action(request, queryset)

    def changeform_view(self, request: HttpRequest, object_id: str | None = None, *arguments, **options):
        try:
            return super().changeform_view(request, object_id, *arguments, **options)
        except Customer.DoesNotExist:
            self.message_user(request, "Another user has deleted this customer meanwhile.", messages.WARNING)
            return HttpResponseRedirect(reverse("admin:customers_customer_changelist"))
        except ValidationError as error:
            # The form found nothing wrong: another user has taken the address since.
            self.message_user(request, f"Nothing was saved. {' '.join(error.messages)}", messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: Customer, form: ModelForm, change: bool) -> None:
        if change:
            services.update_customer(customer=obj, **{name: form.cleaned_data[name] for name in form.changed_data})
        else:
            obj.pk = services.create_customer(**form.cleaned_data).pk

    def delete_model(self, request: HttpRequest, obj: Customer) -> None:
        services.delete_customers(ids=[obj.pk])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet) -> None:
        services.delete_customers(ids=[customer.pk for customer in queryset])

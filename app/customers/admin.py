from django.contrib import admin
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

from customers import search, services
from customers.models import Customer


@admin.register(Customer)
class CustomerAdmin(admin.ModelAdmin):
    list_display = ("last_name", "first_name", "email", "phone", "company", "city", "is_active", "created_at")
    list_display_links = ("last_name", "first_name")
    list_filter = ("is_active",)
    list_per_page = 50
    readonly_fields = ("created_at", "updated_at")
    # Shows the search box; how to search is get_search_results' business.
    search_fields = ("last_name",)
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).defer("search_text")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        return search.matching(queryset, search_term), False

    def save_model(self, request: HttpRequest, obj: Customer, form: ModelForm, change: bool) -> None:
        if change:
            services.update_customer(customer=obj, **{name: form.cleaned_data[name] for name in form.changed_data})
        else:
            obj.pk = services.create_customer(**form.cleaned_data).pk

    def delete_model(self, request: HttpRequest, obj: Customer) -> None:
        services.delete_customer(customer=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet) -> None:
        for customer in queryset:
            services.delete_customer(customer=customer)

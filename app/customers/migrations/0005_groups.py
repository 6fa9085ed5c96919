"""Groups for accounts that read customers, and for those that also write them."""

from django.db import migrations

READ = ("view",)
WRITE = ("view", "add", "change", "delete")
GROUPS = {"Customer readers": READ, "Customer writers": WRITE}


def create(apps, schema_editor) -> None:
    groups, permissions, content_types = (
        apps.get_model(name).objects.using(schema_editor.connection.alias)
        for name in ("auth.Group", "auth.Permission", "contenttypes.ContentType")
    )
    # Django creates them after all migrations, which on an empty database is too late.
    customer, _ = content_types.get_or_create(app_label="customers", model="customer")
    for name, actions in GROUPS.items():
        group, _ = groups.get_or_create(name=name)
        for action in actions:
            permission, _ = permissions.get_or_create(
                content_type=customer, codename=f"{action}_customer", defaults={"name": f"Can {action} customer"}
            )
            group.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [
        ("customers", "0004_compiled_fold"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(create, migrations.RunPython.noop)]

"""Changed what Python checked of the lengths, which the fields do now. It stays for the databases that know it."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("customers", "0002_tiered_search")]

    operations = []

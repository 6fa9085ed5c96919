"""Migrations that are to be applied, and what the release that serves meanwhile can't live with."""

import re

import sqlparse


def unapplied_migrations(plan):
    """The migrations that a database lacks, in order.

    plan:    what `manage.py showmigrations --plan` prints
    returns: ["shop.0002_price", ...]
    """
    return re.findall(r"^\[ \]\s+(\S+)", plan, re.MULTILINE)


def breaking_migrations(results, harmless="", noted=()):
    """What a release from before the migrations can't live with.

    results:  of a task that loops over migrations with `manage.py sqlmigrate`
    harmless: migrations, separated by commas, that somebody has looked at
    noted:    what a deploy that did not come to its end has noted of those that it was about to apply
    returns:  ["shop.0002_price: DROPPING columns (shop_item.price)", ...]
    """
    looked_at = {name.strip() for name in str(harmless).split(",")}
    found = [
        f"{result['item']}: {finding}"
        for result in results
        if result["item"] not in looked_at
        for finding in breaking_statements(result["stdout"])
    ]
    # What has not been applied is looked at anew.
    passed = looked_at | {result["item"] for result in results}
    return found + [finding for finding in noted if finding.partition(": ")[0] not in passed]


def breaking_statements(sql):
    """The findings of django-migration-linter, each once."""
    # Not above: it takes Django along, which most runs have no use for.
    from django_migration_linter.sql_analyser import PostgresqlAnalyser, analyse_sql_statements

    text = sqlparse.format(sql, strip_comments=True)
    statements = [" ".join(statement.split()) for statement in sqlparse.split(text)]
    errors, _ignored, _warnings = analyse_sql_statements(PostgresqlAnalyser, statements)
    return list(dict.fromkeys(describe(error) for error in errors))


def describe(issue):
    """A finding with the table and column that it is about, where it is about one."""
    message = issue.message.partition(" (")[0]
    place = ".".join(part for part in (issue.table, issue.column) if part)
    return f"{message} ({place})" if place else message


class FilterModule:
    """The filters of a deploy."""

    def filters(self):
        """Name each public function."""
        return {"unapplied_migrations": unapplied_migrations, "breaking_migrations": breaking_migrations}

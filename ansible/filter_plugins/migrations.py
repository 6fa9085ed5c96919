"""Migrations that are to be applied, and what the release that serves meanwhile can't live with."""

import re

import sqlparse


def unapplied_migrations(plan):
    """The migrations that a database lacks, in order.

    plan:    what `manage.py showmigrations --plan` prints
    returns: ["shop.0002_price", ...]
    """
    return re.findall(r"^\[ \]\s+(\S+)", plan, re.MULTILINE)


CREATED = re.compile(r'CREATE TABLE "?(\w+)', re.IGNORECASE)
CHANGED = re.compile(r'(?:ALTER TABLE|CREATE (?:UNIQUE )?INDEX \S+ ON|DROP INDEX \S+ ON|UPDATE) "?(\w+)', re.IGNORECASE)


def breaking_migrations(results, harmless="", noted=()):
    """What a release from before the migrations can't live with.

    results:  of a task that loops over migrations with `manage.py sqlmigrate`
    harmless: migrations, separated by commas, that somebody has looked at
    noted:    what a deploy that did not come to its end has noted of those that it was about to apply
    returns:  ["shop.0002_price: DROPPING columns (shop_item.price)", ...]
    """
    looked_at = {name.strip() for name in str(harmless).split(",")}
    created = set()
    found = []
    for result in results:
        statements = old_tables_statements(result["stdout"], created)
        if result["item"] not in looked_at:
            found += [f"{result['item']}: {finding}" for finding in breaking_statements(statements)]
    # What has not been applied is looked at anew.
    passed = looked_at | {result["item"] for result in results}
    return found + [finding for finding in noted if finding.partition(": ")[0] not in passed]


def old_tables_statements(sql, created):
    """Statements without those on tables that the same migrations create: an older release does not use them.

    created: names of such tables, to which those of this SQL are added
    """
    text = sqlparse.format(sql, strip_comments=True)
    kept = []
    for statement in (" ".join(each.split()) for each in sqlparse.split(text)):
        if found := CREATED.match(statement):
            created.add(found[1])
        changed = CHANGED.match(statement)
        if not (changed and changed[1] in created):
            kept.append(statement)
    return kept


def breaking_statements(statements):
    """The findings of django-migration-linter, each once."""
    # Not above: it takes Django along, which most runs have no use for.
    from django_migration_linter.sql_analyser import PostgresqlAnalyser, analyse_sql_statements

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

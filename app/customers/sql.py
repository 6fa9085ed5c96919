"""Conditions in SQL. What they ask for has a name there, as %(name)s; the values come when a statement is run."""

# No condition.
ANY = ""


def all_of(*conditions: str) -> str:
    return joined(" AND ", conditions)


def any_of(*conditions: str) -> str:
    return joined(" OR ", conditions)


def joined(operator: str, conditions: tuple[str, ...]) -> str:
    given = [condition for condition in conditions if condition]
    return f"({operator.join(given)})" if len(given) > 1 else "".join(given)


def where(condition: str) -> str:
    return f" WHERE {condition}" if condition else ""


def storable(text: str) -> bool:
    """Whether PostgreSQL has a place for it: not for zero bytes, nor for halves of a character."""
    return "\0" not in text and text == text.encode(errors="ignore").decode()

#!/usr/bin/env python3
"""The role runs a Django project, whose commands are these. This app has nothing to check, to migrate or to collect."""

import sys

COMMANDS = {"check": "", "collectstatic": "", "migrate": "No migrations to apply."}

if __name__ == "__main__":
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if command not in COMMANDS:
        sys.exit(f"manage.py: there is no {command!r}, only {', '.join(COMMANDS)}")
    print(COMMANDS[command])

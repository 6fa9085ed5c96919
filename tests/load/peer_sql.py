"""python -m load.peer_sql: writes what the app asks its database into the peer's sql/, from the working tree."""

import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
TARGET = HERE / "peer" / "sql"


def statements():
    """{file: text}, as the app in this tree composes it; no database is asked."""
    nowhere = dict.fromkeys(("ALLOWED_HOSTS", "DATABASE_HOST", "DATABASE_NAME", "DATABASE_USER"), "nowhere")
    run = subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "--verbosity=0"],
        input=(HERE / "remote" / "statements.py").read_text(),
        cwd=HERE.parents[1] / "app",
        env=os.environ | nowhere | {"REDIS_URL": "redis://nowhere", "SECRET_KEY": "".join(map(str, range(100)))},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(run.stdout.splitlines()[-1])


def main():
    """Write the files."""
    TARGET.mkdir(exist_ok=True)
    for name, text in statements().items():
        (TARGET / name).write_text(text + "\n")


if __name__ == "__main__":
    main()

"""A real browser acts as an analyst would; the HTTP interface then says whether it happened."""

import os
import subprocess
from pathlib import Path

BROWSER_TIMEOUT_S = 300


def test_the_page_in_chromium(server):
    script = Path(__file__).parent / "browser"
    environment = os.environ | {"STAKEOUT_URL": server.url, "STAKEOUT_FIXTURE": str(server.fixture)}
    run = subprocess.run(
        ["npm", "test", "--silent"], cwd=script, env=environment, capture_output=True, text=True, timeout=BROWSER_TIMEOUT_S
    )
    assert run.returncode == 0, run.stdout + run.stderr

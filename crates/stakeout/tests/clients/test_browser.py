"""A real browser acts as an analyst would; the HTTP interface then says whether it happened."""

import os
import shutil
import subprocess
from pathlib import Path

from conftest import serving

BROWSER_TIMEOUT_S = 600


def test_the_page_in_chromium(server, tmp_path):
    script = Path(__file__).parent / "browser"
    # Nobody writes meanwhile, so the copies are whole. The person gets one of their own: others count what is here.
    for copy in ("template", "own"):
        shutil.copytree(server.data, tmp_path / copy)
    with serving(server.binary, tmp_path / "own") as url:
        environment = os.environ | {
            "STAKEOUT_URL": url,
            "STAKEOUT_FIXTURE": str(server.fixture),
            "STAKEOUT_PROGRAM": str(server.binary),
            "STAKEOUT_TEMPLATE": str(tmp_path / "template"),
        }
        run = subprocess.run(
            ["npm", "test", "--silent"],
            cwd=script,
            env=environment,
            capture_output=True,
            text=True,
            timeout=BROWSER_TIMEOUT_S,
        )
    assert run.returncode == 0, run.stdout + run.stderr

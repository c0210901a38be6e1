# A local Azure for pytest: starts `realtime-relay simulate` on a free port, and stops it after the test.
import os
import shlex
import subprocess

import pytest


@pytest.fixture
def azure():
    # Not through npx, which ends without ending what it started.
    command = shlex.split(os.environ.get("SIMULATOR", "node node_modules/realtime-relay/dist/cli.js simulate"))
    script = os.path.join(os.path.dirname(__file__), "answers.yaml")
    process = subprocess.Popen([*command, "--api-key", "test-key", "--speed", "Infinity", "--script", script], stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()

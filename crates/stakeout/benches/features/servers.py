"""The servers under measurement: how each is started, asked and weighed."""

import contextlib
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[3]
TOOLS = ROOT / "target" / "bench-venv" / "bin"
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 15
WORKERS = 2


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    """A server process with its children; ended by its own group."""

    def __init__(self, name, command, log, environment=None, folder=None):
        self.name = name
        self.log = log
        with open(log, "wb") as out:
            self.child = subprocess.Popen(
                command,
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env={**os.environ, **(environment or {})},
                cwd=folder,
            )

    def stop(self, how=signal.SIGTERM):
        for sign in (how, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.child.pid, sign)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.child.wait(STOP_TIMEOUT_S)
                return

    def memory_mb(self):
        """Proportional set size of the process and its children (pages that processes share are counted once), and the
        part of it that is their own rather than files mapped into memory."""
        parents = {}
        for status in pathlib.Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                parents[int(status.parent.name)] = int(status.read_text().rsplit(")", 1)[1].split()[1])
        family = {self.child.pid}
        while more := {child for child, parent in parents.items() if parent in family} - family:
            family |= more
        total_kb = {"Pss": 0, "Pss_Anon": 0}
        for member in family:
            with contextlib.suppress(OSError):
                rollup = pathlib.Path(f"/proc/{member}/smaps_rollup").read_text()
                for part in total_kb:
                    total_kb[part] += int(re.search(rf"^{part}:\s+(\d+)", rollup, re.M)[1])
        return total_kb["Pss"] / 1024, total_kb["Pss_Anon"] / 1024


class Server:
    """A feature service: where its annotations are, and the processes behind it."""

    def __init__(self, name, items, process):
        self.name = name
        self.items = items
        self.process = process

    def wait(self):
        until = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                with urllib.request.urlopen(f"{self.items}?limit=1", timeout=10) as answer:
                    return answer.read()
            except (urllib.error.URLError, OSError) as error:
                if time.monotonic() > until or self.process.child.poll() is not None:
                    log = pathlib.Path(self.process.log).read_text(errors="replace")[-2000:]
                    raise SystemExit(f"{self.name} does not answer: {error}\n{log}") from error
                time.sleep(0.3)


class PostGis:
    """A PostgreSQL of our own in a folder of its own, on loopback, gone afterwards."""

    def __init__(self, logs):
        self.logs = logs
        binaries = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
        self.bin = binaries[-1]
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bench-features-postgis-"))
        self.port = free_port()
        self.user = []
        if os.geteuid() == 0:
            # PostgreSQL refuses to run as root
            owner = pwd.getpwnam("postgres")
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
            self.user = ["runuser", "-u", "postgres", "--"]
        data = self.folder / "data"
        self.run(self.bin / "initdb", "-D", data, "-U", "bench", "--auth=trust", "--no-sync")
        # as distributed, but for enough cache to hold all of it
        command = [
            *self.user,
            self.bin / "postgres",
            "-D",
            data,
            "-p",
            str(self.port),
            "-h",
            "127.0.0.1",
            "-k",
            str(self.folder),
            "-c",
            "shared_buffers=512MB",
        ]
        self.process = Process("postgres", command, logs / "postgres.log", folder="/")
        until = time.monotonic() + START_TIMEOUT_S
        while subprocess.run([self.bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]).returncode:
            if time.monotonic() > until:
                raise SystemExit(f"PostgreSQL does not start; {self.process.log} says why")
            time.sleep(0.2)

    def run(self, *command):
        done = subprocess.run([*self.user, *command], capture_output=True, text=True, cwd="/")
        if done.returncode:
            raise SystemExit(f"{command[0]} failed: {done.stderr}")

    def fill(self, features):
        sql = (HERE / "annotations.sql").read_text().replace("FEATURES", str(features))
        psql = [
            self.bin / "psql",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            "127.0.0.1",
            "-p",
            str(self.port),
            "-U",
            "bench",
        ]
        subprocess.run([*psql, "-c", "CREATE DATABASE bench", "postgres"], check=True)
        subprocess.run([*psql, "bench"], input=sql, text=True, check=True)

    def url(self):
        return f"postgresql://bench:bench@127.0.0.1:{self.port}/bench"

    def stop(self):
        # a fast shutdown
        self.process.stop(signal.SIGINT)
        shutil.rmtree(self.folder, ignore_errors=True)


def stakeout(binary, data, logs):
    port = free_port()
    command = [binary, "--quiet", "serve", "--data", data, "--listen", f"127.0.0.1:{port}"]
    process = Process("stakeout", command, logs / "stakeout.log")
    return Server("stakeout", f"http://127.0.0.1:{port}/ogc/collections/annotations/items", process)


def tipg(postgis, logs):
    port = free_port()
    command = [
        TOOLS / "uvicorn",
        "tipg.main:app",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--workers",
        str(WORKERS),
        "--log-level",
        "warning",
        "--no-access-log",
    ]
    process = Process("tipg", command, logs / "tipg.log", {"DATABASE_URL": postgis.url()}, logs)
    return Server("tipg", f"http://127.0.0.1:{port}/collections/public.annotations/items", process)


def pygeoapi(postgis, logs):
    port = free_port()
    config = logs / "pygeoapi.yml"
    text = (HERE / "pygeoapi.yml").read_text().replace("PG_PORT", str(postgis.port)).replace("PORT", str(port))
    config.write_text(text)
    openapi = logs / "pygeoapi-openapi.yml"
    environment = {"PYGEOAPI_CONFIG": str(config), "PYGEOAPI_OPENAPI": str(openapi)}
    made = [TOOLS / "pygeoapi", "openapi", "generate", config, "--output-file", openapi]
    done = subprocess.run(made, capture_output=True, text=True, env={**os.environ, **environment})
    if done.returncode:
        raise SystemExit(f"pygeoapi cannot describe itself: {done.stdout}{done.stderr}")
    command = [
        TOOLS / "gunicorn",
        "pygeoapi.flask_app:APP",
        "--bind",
        f"127.0.0.1:{port}",
        "--workers",
        str(WORKERS),
        "--log-level",
        "warning",
    ]
    process = Process("pygeoapi", command, logs / "pygeoapi.log", environment, logs)
    return Server("pygeoapi", f"http://127.0.0.1:{port}/collections/annotations/items", process)


def pg_featureserv(binary, postgis, logs):
    port = free_port()
    environment = {
        "DATABASE_URL": postgis.url(),
        "PGFS_SERVER_HTTPHOST": "127.0.0.1",
        "PGFS_SERVER_HTTPPORT": str(port),
        "PGFS_PAGING_LIMITMAX": "10000",
    }
    process = Process("pg_featureserv", [binary], logs / "pg_featureserv.log", environment, logs)
    return Server("pg_featureserv", f"http://127.0.0.1:{port}/collections/public.annotations/items.json", process)

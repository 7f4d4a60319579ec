"""Measures the feature service beside others: the same 100,000 annotations, the same requests, one run.

`make bench-features` calls it. Servers are measured in turn, request by request, so that a neighbour's load on the machine
falls on all of them; compare the ratios. Writes report.json and report.md to target/bench-features."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import time
import urllib.request

import servers

COUNT = int(os.environ.get("BENCH_FEATURES", "100000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "2"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "6"))
CONNECTIONS = 8
BBOX = "127.40000,39.80000,127.52000,39.89200"
REQUESTS = {
    "limit=10": "limit=10",
    "limit=100": "limit=100",
    "limit=1000": "limit=1000",
    "limit=100 + bbox": f"limit=100&bbox={BBOX}",
    "limit=100 + offset=90000": f"limit=100&offset={COUNT * 9 // 10}",
    "limit=100 + another bbox each time": "limit=100&bbox=",
}
OUT = servers.ROOT / "target" / "bench-features"
RELEASE = pathlib.Path(os.environ.get("STAKEOUT_BIN", servers.ROOT / "target" / "release"))


def ask(url):
    with urllib.request.urlopen(url, timeout=60) as answer:
        return json.load(answer)


def check(server, query):
    """The page holds what was asked for; how many match and whether there are links is told as it is."""
    page = ask(f"{server.items}?{query}")
    limit = int(re.search(r"limit=(\d+)", query)[1])
    got = len(page["features"])
    if got != limit:
        raise SystemExit(f"{server.name} gives {got} features for {query}")
    relations = {link["rel"] for link in page.get("links", [])}
    return {"numberMatched": page.get("numberMatched"), "next": "next" in relations}


def load(server, query):
    """wrk for a while: requests a second, latencies, and faults."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency", "--timeout", "30s"]
    if query.endswith("bbox="):
        command += ["-s", str(servers.HERE / "bbox.lua")]
    done = subprocess.run([*command, f"{server.items}?{query}"], capture_output=True, text=True, check=True)
    text = done.stdout
    faults = re.search(r"Non-2xx or 3xx responses: (\d+)", text) or re.search(r"Socket errors: (.*)", text)
    if faults:
        raise SystemExit(f"{server.name} fails at {query}: {faults[0]}")
    return {
        "rate": float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]),
        "p50_ms": milliseconds(re.search(r"^\s+50%\s+(\S+)", text, re.M)[1]),
        "p99_ms": milliseconds(re.search(r"^\s+99%\s+(\S+)", text, re.M)[1]),
    }


def milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60_000}[unit]


def prepare():
    """Fills the data folder and returns it with the same features line by line."""
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    data, features = OUT / "data", OUT / "features.geojsonl"
    started = time.monotonic()
    subprocess.run([RELEASE / "examples" / "fill_annotations", data, str(COUNT), features], check=True)
    print(f"{COUNT} annotations written in {time.monotonic() - started:.1f} s", file=sys.stderr)
    subprocess.run([RELEASE / "stakeout", "verify", "--data", data], check=True, stdout=subprocess.DEVNULL)
    return data, features


def start(data, features, stack):
    postgis = servers.PostGis(OUT)
    stack.callback(postgis.stop)
    postgis.fill(features)
    makers = [
        lambda: servers.stakeout(RELEASE / "stakeout", data, OUT),
        lambda: servers.tipg(postgis, OUT),
        lambda: servers.pygeoapi(postgis, OUT),
    ]
    binary = os.environ.get("PG_FEATURESERV")
    if binary:
        makers.append(lambda: servers.pg_featureserv(binary, postgis, OUT))
    running = []
    for make in makers:
        server = make()
        stack.callback(server.process.stop)
        server.wait()
        running.append(server)
    return postgis, running


def measure(running):
    results = {request: {server.name: [] for server in running} for request in REQUESTS}
    told = {server.name: check(server, REQUESTS["limit=100 + bbox"]) for server in running}
    for query in REQUESTS.values():
        for server in running:
            if not query.endswith("bbox="):
                check(server, query)
    for number in range(ROUNDS):
        for request, query in REQUESTS.items():
            for server in running:
                seen = load(server, query)
                results[request][server.name].append(seen)
                print(f"round {number + 1}: {request:36} {server.name:16} {seen['rate']:10.1f}/s", file=sys.stderr)
    return results, told


def table(results, names):
    """Medians over the rounds, as Markdown."""

    def middle(runs, what):
        return statistics.median(run[what] for run in runs)

    lines = ["| request | " + " | ".join(names) + " | times tipg |", "|---|" + "---|" * (len(names) + 1)]
    for request, by_name in results.items():
        cells = [
            f"{middle(by_name[name], 'rate'):,.0f}/s, {middle(by_name[name], 'p50_ms'):.1f} / {middle(by_name[name], 'p99_ms'):.1f} ms"
            for name in names
        ]
        ratio = middle(by_name["stakeout"], "rate") / middle(by_name["tipg"], "rate")
        lines.append(f"| {request} | " + " | ".join(cells) + f" | {ratio:.0f} |")
    return "\n".join(lines)


def main():
    data, features = prepare()
    with contextlib.ExitStack() as stack:
        postgis, running = start(data, features, stack)
        results, told = measure(running)
        memory = {server.name: server.process.memory_mb() for server in running}
        memory["postgres"] = postgis.process.memory_mb()
    names = [server.name for server in running]
    report = "\n".join(
        [
            f"{COUNT:,} annotations, wrk -t1 -c{CONNECTIONS} -d{SECONDS}s, median of {ROUNDS} rounds: requests a second, p50 / p99.",
            "",
            table(results, names),
            "",
            "numberMatched and next of the bbox request: "
            + ", ".join(
                f"{name} {told[name]['numberMatched']}, {'next' if told[name]['next'] else 'no next'}" for name in names
            ),
            "Memory afterwards (proportional set size, MB; without mapped files): "
            + ", ".join(f"{name} {total:.0f} ({own:.0f})" for name, (total, own) in memory.items()),
            f"Load average at the end: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.",
        ]
    )
    (OUT / "report.md").write_text(report + "\n")
    (OUT / "report.json").write_text(json.dumps({"results": results, "told": told, "memory_mb": memory}, indent=1))
    shutil.rmtree(data)
    features.unlink()
    print(report)


if __name__ == "__main__":
    main()

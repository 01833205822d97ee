#!/usr/bin/env python3
"""Measures siokit beside other Socket.IO servers and beside the floor, in one run: docs/performance.md.

The server has one core, the load generator another. CPU is what the kernel counts for the server's process.
Rounds alternate between the servers; a cell is the median of its rounds. Heartbeats, limits and UTF-8 checks
are on.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
PEERS = HERE / "peers"

# name, arguments of bench-load, unit, how much of the floor siokit may cost
ROWS = [
    ("acked event of 32 B, 100 clients, 1 in flight", "echo", "us", 1.15),
    ("the same, 16 in flight", "echo --in-flight 16", "us", 1.7),
    ("acked event of 64 KiB text", "echo --size 65536", "us", 1.4),
    ("broadcast to 1,000, 16 in flight, a delivery", "broadcast --clients 1000 --in-flight 16", "us", 1.15),
    ("acked event by long-polling", "polling", "us", 1.3),
    ("connect, join and close", "connect", "us", 1.5),
    ("resident memory of an idle connection", "idle --clients 4000", "KiB", None),
]


class Server:
    """A process on the first core, ready when it has said where it listens."""

    def __init__(self, command):
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            ["taskset", "-c", "0", *map(str, command)], cwd=ROOT, stdout=self.log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 20
        while not (found := re.search(r"http://127\.0\.0\.1:(\d+)", self.output())):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                sys.exit(f"{command[0]} does not listen: {self.output()}")
            time.sleep(0.02)
        self.port = found[1]

    def output(self):
        self.log.seek(0)
        return self.log.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def version(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip().splitlines()[0]


def servers(build):
    """name -> (version, command); those whose parts are there."""
    siokit = build / "reference-server/siokit-server"
    out = {
        "floor": ("", [build / "bench/bench-floor", 0]),
        "siokit": (version("git", "-C", ROOT, "describe", "--always", "--dirty"),
                   [siokit, "--port", 0, "--log-level", "warn", "--keep-handshake", "none"]),
    }
    modules = PEERS / "node_modules"
    if modules.exists():
        official = json.loads((modules / "socket.io/package.json").read_text())["version"]
        bun = modules / ".bin/bun"
        out["socketioxide"] = None  # the order of the columns
        out["official on Bun"] = (f"socket.io {official}, Bun {version(bun, '--version')}",
                                  [bun, PEERS / "bun.mjs"])
        out["official on Node"] = (f"socket.io {official}, Node {version('node', '--version')}",
                                   ["node", PEERS / "node.mjs"])
    oxide = build.parent / "bench/socketioxide/release/siokit-bench-socketioxide"
    if oxide.exists():
        manifest = (PEERS / "socketioxide/Cargo.toml").read_text()
        out["socketioxide"] = (re.search(r'socketioxide = "=(.*)"', manifest)[1], [oxide])
    return {name: what for name, what in out.items() if what}


class Comparison:
    def __init__(self, build, seconds):
        self.load = build / "bench/bench-load"
        self.servers = servers(build)
        self.seconds = seconds

    def run(self, name, row):
        command = list(self.servers[name][1])
        if name == "floor" and row.startswith("connect"):
            command.append("close")
            row += " --bare"
        with Server(command) as server:
            done = subprocess.run(
                ["taskset", "-c", "1", str(self.load), *row.split(), "--port", server.port, "--pid",
                 str(server.process.pid), "--seconds", str(self.seconds)], capture_output=True, text=True)
            if done.returncode != 0:
                sys.exit(f"{name}, {row}: {done.stderr}\n{server.output()}")
            return json.loads(done.stdout)

    def row(self, arguments, rounds):
        """server -> the result of each round."""
        out = {name: [] for name in self.servers}
        for _ in range(rounds):
            for name in self.servers:
                if name == "floor" and arguments.startswith("idle"):
                    continue
                out[name].append(self.run(name, arguments))
        return out


def machine():
    model = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return f"{os.cpu_count()} x {model[1] if model else platform.machine()}, Linux {platform.release()}"


def median(results, key):
    return statistics.median(each[key] for each in results)


def shown(value):
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def ratio(results, floor, key):
    """Of the same rounds."""
    return statistics.median(a[key] / b[key] for a, b in zip(results, floor))


def table(names, lines):
    out = ["| " + " | ".join(["work", *names]) + " |", "|---" * (len(names) + 1) + "|"]
    return "\n".join(out + ["| " + " | ".join(line) + " |" for line in lines])


def costs(results, names):
    peers = [name for name in names if name not in ("floor", "siokit")]
    columns = ["floor", "siokit", "siokit / floor", "goal", *peers]
    lines = []
    for (title, arguments, unit, goal) in ROWS:
        cells = results.get(arguments)
        if not cells:
            continue
        key = "cpu_us" if unit == "us" else "kib"
        line = {name: shown(median(each, key)) for name, each in cells.items() if each}
        if cells.get("floor") and cells.get("siokit"):
            line["siokit / floor"] = f"{ratio(cells['siokit'], cells['floor'], key):.2f}"
        line["goal"] = f"{goal}" if goal else "1.0 KiB"
        lines.append([f"{title} ({unit})", *[line.get(column, "-") for column in columns]])
    return table(columns, lines)


def latencies(results):
    lines = []
    for title, cells in results.items():
        for name, each in cells.items():
            numbers = [f"{median(each, key):,.0f}" for key in ("rate", "p50", "p99", "p999", "max")]
            lines.append([f"{name}, {title}", *numbers, f"{100 * median(each, 'busy'):.0f} %"])
    return table(["events/s", "p50", "p99", "p99.9", "max (us)", "server's CPU"], lines)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path, help="folder of a release build")
    parser.add_argument("--seconds", type=float, default=3, help="how long a cell is measured in a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", default="", help="only rows whose arguments begin so; 'latency' for these")
    parser.add_argument("--only", default="", help="only these servers beside the floor, separated by commas")
    parser.add_argument("--json", type=pathlib.Path, help="write all results here")
    args = parser.parse_args()
    if shutil.which("taskset") is None or os.cpu_count() < 2:
        sys.exit("needs taskset and two cores: one for the server, one for the load")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    comparison = Comparison(args.build.resolve(), args.seconds)
    if unknown := [name for name in args.only.split(",") if args.only and name not in comparison.servers]:
        sys.exit(f"--only {unknown[0]}: there are {', '.join(comparison.servers)}")
    if args.only:
        comparison.servers = {name: what for name, what in comparison.servers.items()
                              if name == "floor" or name in args.only.split(",")}
    names = list(comparison.servers)
    head = {"date": str(datetime.date.today()), "machine": machine(),
            "versions": {name: what[0] for name, what in comparison.servers.items() if what[0]},
            "rounds": args.rounds, "seconds": args.seconds}
    print(f"{head['date']}, {head['machine']}; {args.rounds} rounds of {args.seconds:g} s")
    print("; ".join(f"{name}: {text}" for name, text in head["versions"].items()) + "\n", flush=True)
    cpu = {}
    for _, arguments, _, _ in ROWS:
        if arguments.startswith(args.rows):
            cpu[arguments] = comparison.row(arguments, args.rounds)
    if cpu:
        print(costs(cpu, names) + "\n", flush=True)
    late = {}
    if "latency".startswith(args.rows):
        first = cpu.get("echo") or comparison.row("echo", 1)
        own = {name: 0.5e6 / median(each, "cpu_us") for name, each in first.items()}
        late = {"at half of what it can do": {}, "at half of what the slowest can do": {}}
        for name in names:
            for title, rate in zip(late, (own[name], min(own.values()))):
                row = f"latency --rate {rate:.0f}"
                late[title][name] = [comparison.run(name, row) for _ in range(args.rounds)]
        print(latencies(late))
    if args.json:
        args.json.write_text(json.dumps({**head, "cpu": cpu, "latency": late}, indent=1) + "\n")


if __name__ == "__main__":
    main()

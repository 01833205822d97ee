#!/usr/bin/env python3
"""Measures how cost grows with the number of connections: docs/performance.md.

Idle WebSocket connections of siokit-server, up to as many as descriptors, memory and ports allow, and then a
broadcast to all; sessions of the pure core, which need no descriptor, up to a million. Servers have one core,
load generators another. Clients come as fast as the server takes them, so their pings come in the same rush.
Heartbeats, limits and UTF-8 checks are on. Ping lateness counts from an interval after the pong before.
"""
import argparse
import contextlib
import json
import math
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile

from harness import LOAD_CPU, SERVER_CPU, SIOKIT, Failure, Server, begin, facts, line_of, pinned, table

SIZES = [1_000, 2_000, 5_000, 10_000]
CONNECTIONS_LOAD = "bench/bench-connections"
SESSIONS = "bench/bench-sessions"
CORE_SIZES = [1_000, 10_000, 100_000, 1_000_000]
BROADCASTS = 5
PROCESSES = 8  # servers at most, unless more are asked for
RESERVED = 100  # descriptors of a process that are no connections, generously
KIB_EACH = 16  # of the machine, for a connection: both ends in the kernel, server and load generator
CORE_KIB_EACH = 4


class Generator:
    """A load generator with clients of one server."""

    def __init__(self, program, server, clients):
        self.server = server
        self.errors = tempfile.TemporaryFile("w+")
        self.process = pinned(
            (LOAD_CPU,), [program, "--port", server.port, "--pid", server.process.pid, "--clients", clients],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors)

    def ask(self, command):
        with contextlib.suppress(BrokenPipeError):  # answer() tells why
            self.process.stdin.write(command + "\n")
            self.process.stdin.flush()

    def answer(self):
        line = self.process.stdout.readline()
        if line.endswith("\n"):
            return json.loads(line)
        self.errors.seek(0)
        ended = self.server.process.poll()
        raise Failure(f"the load generator ended with {self.process.wait()}: {self.errors.read().strip()}\n"
                      f"the server {'runs' if ended is None else f'ended with {ended}'}; it said: "
                      + (self.server.output().strip() or "nothing"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()


def ask_all(generators, command):
    """All at once."""
    for each in generators:
        each.ask(command)
    return [each.answer() for each in generators]


def memory():
    """KiB by name."""
    lines = pathlib.Path("/proc/meminfo").read_text().splitlines()
    return {name: int(rest.split()[0]) for name, rest in (line.split(":") for line in lines)}


def total(results, key):
    return sum(each[key] for each in results)


def quantiles(late):
    late = sorted(late)
    return {name: late[int(share * (len(late) - 1))]
            for name, share in [("p50", .5), ("p99", .99), ("p999", .999), ("max", 1)]}


def measure(build, wanted, processes, options):
    """One row: so many connections, shared by so many servers, each with a load generator."""
    before = memory()
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(
            Server([build / SIOKIT, "--port", 0, "--log-level", "warn", *options]))
            for _ in range(processes)]
        generators = [stack.enter_context(
            Generator(build / CONNECTIONS_LOAD, server,
                      wanted // processes + (i < wanted % processes)))
            for i, server in enumerate(servers)]
        opened = [each.answer() for each in generators]
        after = memory()
        idle = ask_all(generators, "idle")
        broadcasts = [ask_all(generators, "broadcast") for _ in range(BROADCASTS)]
    count = total(opened, "connections")
    late = [ms for each in idle for ms in each["late_ms"]]
    return {
        "connections": count,
        "processes": processes,
        "stopped_by": next((each["stopped_by"] for each in opened if each["stopped_by"]), ""),
        "open_seconds": max(each["seconds"] for each in opened),
        "resident_kib": total(opened, "resident_kib") / count,
        "slab_kib": (after["Slab"] - before["Slab"]) / count,
        "machine_kib": (before["MemAvailable"] - after["MemAvailable"]) / count,
        "meminfo_before": before, "meminfo_after": after,
        "interval_ms": idle[0]["interval_ms"], "pings": len(late), "late_ms": quantiles(late),
        "idle_busy": sum(each["cpu_us"] / each["seconds"] / 1e6 for each in idle),
        "ping_us": total(idle, "cpu_us") / len(late),
        "broadcast_ms": statistics.median(
            1000 * (max(each["end"] for each in one) - min(each["begin"] for each in one))
            for one in broadcasts),
        "delivery_us": statistics.median(total(one, "cpu_us") / count for one in broadcasts),
    }


def plan(args):
    """The sizes to measure as (connections, processes), and what stops it after the last."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    of_process = max(1, hard - RESERVED)
    fitting = memory()["MemAvailable"] * 8 // 10 // KIB_EACH
    at_most = args.processes or PROCESSES
    wanted = args.connections or of_process * at_most
    stop = "the number asked for is reached" if args.connections else (
        f"descriptors: a process may have {hard:,}, of which {RESERVED} are left to itself; "
        f"and no more than {at_most} servers were asked for (--processes)")
    if wanted > fitting:
        wanted, stop = fitting, f"memory: {fitting:,} connections of {KIB_EACH} KiB take 80 % of what is free"
    processes = min(wanted, args.processes or math.ceil(wanted / of_process))
    sizes = [(size, 1) for size in (*SIZES, of_process) if size <= of_process and size < wanted]
    return [*sizes, (wanted, processes)], stop


CONNECTIONS = {  # column -> of a row
    "connections": lambda r: f"{r['connections']:,}" + (
        f" ({r['processes']} processes)" if r["processes"] > 1 else ""),
    "resident KiB each": lambda r: f"{r['resident_kib']:.2f}",
    "kernel KiB each, both ends": lambda r: f"{r['slab_kib']:.2f}",
    "ping lateness p50": lambda r: f"{r['late_ms']['p50']:.1f}",
    "p99": lambda r: f"{r['late_ms']['p99']:.1f}",
    "p99.9": lambda r: f"{r['late_ms']['p999']:.1f}",
    "max (ms)": lambda r: f"{r['late_ms']['max']:.1f}",
    "idle CPU": lambda r: f"{100 * r['idle_busy']:.2f} %",
    "us CPU a ping": lambda r: f"{r['ping_us']:.2f}",
    "broadcast, ms to the last byte": lambda r: f"{r['broadcast_ms']:.1f}",
    "us CPU a delivery": lambda r: f"{r['delivery_us']:.2f}",
}
CORE = {
    "sessions": lambda r: f"{r['sessions']:,}",
    "malloc bytes each": lambda r: f"{r['malloc_bytes']:.0f}",
    "resident bytes each": lambda r: f"{r['resident_bytes']:.0f}",
    "us to open and join": lambda r: f"{r['open_us']:.2f}",
    "us a heartbeat": lambda r: f"{r['heartbeat_us']:.3f}",
    "us to join a room": lambda r: f"{r['join_us']:.3f}",
    "bytes of that": lambda r: f"{r['room_bytes']:.0f}",
    "us a delivery, to all": lambda r: f"{r['broadcast_us']:.3f}",
    "to one of 1,000 rooms": lambda r: f"{r['room_us']:.3f}",
}


def begin_table(columns):
    print("\n" + table(columns, []), flush=True)


def print_row(columns, row):
    print(line_of(shown(row) for shown in columns.values()), flush=True)


def measure_connections(build, args):
    """The rows, and what stopped it."""
    sizes, stop = plan(args)
    options = ["--ping-interval", 5000] if args.quick else []
    rows = []
    begin_table(CONNECTIONS)
    for wanted, processes in sizes:
        rows.append(measure(build, wanted, processes, options + args.server_options.split()))
        print_row(CONNECTIONS, rows[-1])
        if rows[-1]["stopped_by"]:
            stop = rows[-1]["stopped_by"]
            break
    last = rows[-1]
    available = [f"{last[when]['MemAvailable'] / 2**20:.2f}" for when in ("meminfo_before", "meminfo_after")]
    print(f"\nStopped at {last['connections']:,} connections: {stop}.")
    print(f"MemAvailable before and with these: {available[0]} and {available[1]} GiB, "
          f"{last['machine_kib']:.1f} KiB a connection: server, load generator, kernel, and what else ran.",
          flush=True)
    return rows, stop


def measure_core(build):
    rows = []
    begin_table(CORE)
    for size in CORE_SIZES:
        if size * CORE_KIB_EACH > memory()["MemAvailable"] * 8 // 10:
            print(f"\n{size:,} sessions were not measured: they may want more memory than there is")
            break
        sessions = pinned((SERVER_CPU,), [build / SESSIONS, "--sessions", size],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        said, errors = sessions.communicate()
        if sessions.returncode != 0:
            raise Failure(f"{size} sessions of the core: {sessions.returncode}, {errors}")
        rows.append(json.loads(said))
        print_row(CORE, rows[-1])
    return rows


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path, help="folder of a release build")
    parser.add_argument("--connections", type=int, help="how many at most (default: what the limits allow)")
    parser.add_argument("--processes", type=int,
                        help="servers of the largest size "
                             f"(default: as --connections needs, else {PROCESSES})")
    parser.add_argument("--server-options", default="", help="further ones of siokit-server, in one word")
    parser.add_argument("--only", choices=["connections", "core"], help="one of the two parts")
    parser.add_argument("--quick", action="store_true", help="a ping interval of 5 s in place of 25 s")
    parser.add_argument("--json", type=pathlib.Path, help="write all results here")
    parser.add_argument("--plots", type=pathlib.Path, help="write plots to this folder")
    args = parser.parse_args()
    if min(each for each in (args.connections, args.processes, 1) if each is not None) < 1:
        sys.exit("--connections, --processes: 1 or more")
    return args


def main():
    args = arguments()
    build = args.build.resolve()
    begin(build, SIOKIT, CONNECTIONS_LOAD, SESSIONS)
    if args.plots:
        import plots  # needs matplotlib; says so before anything is measured
    results = facts(build)
    print("; ".join(f"{name}: {text}" for name, text in results.items()))
    try:
        if args.only != "core":
            results["connections"], results["stopped_by"] = measure_connections(build, args)
        if args.only != "connections":
            results["core"] = measure_core(build)
    except Failure as why:
        sys.exit(f"{why}")
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n")
    if args.plots:
        plots.scale(results, args.plots)


if __name__ == "__main__":
    main()

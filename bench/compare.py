#!/usr/bin/env python3
"""Measures siokit beside other Socket.IO servers and beside the floor, in one run: docs/performance.md.

The server has one CPU, the load generator another. CPU is what the kernel counts for the server's process.
Rounds alternate between the servers; a cell is the median of its rounds. Heartbeats, limits and UTF-8 checks
are on.
"""
import argparse
import contextlib
import json
import pathlib
import re
import statistics
import subprocess
import sys
from typing import NamedTuple, Optional

from harness import (LOAD_CPU, ROOT, SERVER_CPU, SIOKIT, Failure, Others, Server, begin, facts, pinned, table,
                     version)

PEERS = ROOT / "bench/peers"
OXIDE = ROOT / "build/bench/socketioxide/release/siokit-bench-socketioxide"
LOAD = "bench/bench-load"
FLOOR = "bench/bench-floor"
SATURATED = 0.9  # of a CPU
THREADS_GOAL = 1.1  # times the CPU of one thread


class Row(NamedTuple):
    name: str
    title: str
    load: str  # arguments of bench-load
    unit: str
    goal: Optional[float]  # how many times the floor siokit may cost

    def value(self, result):
        return result["cpu_us" if self.unit == "us" else "kib"]


ROWS = [
    Row("echo", "acked event of 32 B, 100 clients, 1 in flight", "echo", "us", 1.15),
    Row("echo-16", "the same, 16 in flight", "echo --in-flight 16", "us", 1.7),
    Row("echo-64k", "acked event of 64 KiB text", "echo --size 65536", "us", 1.4),
    Row("broadcast", "broadcast to 1,000, 16 in flight, a delivery",
        "broadcast --clients 1000 --in-flight 16", "us", 1.15),
    Row("polling", "acked event by long-polling", "polling", "us", 1.3),
    Row("connect", "connect, join and close", "connect", "us", 1.5),
    Row("idle", "resident memory of an idle connection", "idle --clients 4000", "KiB", None),
]
THREADED = ("echo", "echo-16", "broadcast", "polling", "connect")
LONELY = ("echo", "echo-16", "connect")  # no connection has to do with another: the floor has threads too
ROW_NAMES = [*(row.name for row in ROWS), "threads", "latency"]
OWN = "at 50 % of a CPU"
EQUAL = "at the rate of the slowest"
APART = "on one CPU, the load on the other"
SHARED = "on both CPUs, as the load"


class Contender(NamedTuple):
    version: str
    command: list
    peer: bool = True  # somebody else's, whose failure is not ours


def official(runtime, program, script):
    """The official server on one of its runtimes; None where a part is missing."""
    manifest = PEERS / "node_modules/socket.io/package.json"
    runs = version(program, "--version")
    if not runs or not manifest.exists():
        return None
    return Contender(f"socket.io {json.loads(manifest.read_text())['version']}, {runtime} {runs.lstrip('v')}",
                     [program, PEERS / script])


def contenders(build, commit):
    """name -> Contender in the order of the columns; None where it is not there."""
    pinned_to = re.search(r'socketioxide = "=(.*)"', (PEERS / "socketioxide/Cargo.toml").read_text())[1]
    return {
        "floor": Contender("bench/floor.cpp", [build / FLOOR, 0], peer=False),
        "siokit": Contender(commit, [build / SIOKIT, "--port", 0, "--log-level", "warn"], peer=False),
        "socketioxide": Contender(pinned_to, [OXIDE]) if OXIDE.exists() else None,
        "official on Bun": official("Bun", PEERS / "node_modules/.bin/bun", "bun.mjs"),
        "official on Node": official("Node", "node", "node.mjs"),
    }


class Load:
    """A load generator that has warmed up its server, and measures when it is asked."""

    def __init__(self, command, cpus):
        self.process = pinned(cpus, [*command, "--asked"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)

    def hear(self):
        line = self.process.stdout.readline()
        if not line:
            raise Failure(self.process.stderr.read().strip())
        return line

    def measure(self):
        try:
            print(file=self.process.stdin, flush=True)
        except BrokenPipeError:
            pass  # why it has ended is told next
        return json.loads(self.hear())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


class Comparison:
    """Measures `servers`: name -> Contender. `cpus`: theirs, and those of the load generator."""

    def __init__(self, build, servers, args, cpus=((SERVER_CPU,), (LOAD_CPU,))):
        self.build, self.load = build, build / LOAD
        self.servers = servers
        self.args = args
        self.server_cpus, self.load_cpus = cpus

    def command(self, name, load):
        """That of the server, and the one for its load."""
        server, closes = list(self.servers[name].command), load.startswith("connect")
        if name.startswith("floor") and closes:
            return [*server, "close"], load + " --bare"
        return server, load

    def generator(self, load, server, seconds):
        return [self.load, *load.split(), "--port", server.port, "--pid", server.process.pid,
                "--seconds", seconds, "--warm-up", self.args.warm_up]

    def run(self, name, load):
        command, load = self.command(name, load)
        with Server(command, self.server_cpus) as server:
            generator = pinned(self.load_cpus, self.generator(load, server, self.args.seconds),
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            said, errors = generator.communicate()
            if generator.returncode != 0:
                raise Failure(f"{name}, {load}: {errors.strip()}\n{server.output().strip()}")
        return json.loads(said)

    def slices_of(self, what, loads):
        """server -> results of short slices, in which one after the other has its load: what disturbs one of
        them for longer disturbs all. `loads`: server -> arguments of bench-load."""
        print(f"{what} ...", file=sys.stderr)
        out = {name: [] for name in loads}
        for i in range(self.args.rounds):
            with contextlib.ExitStack() as stack:
                there = {}

                def attempt(name, step):
                    try:
                        step()
                    except Failure as why:
                        self.leave_out(name, Failure(f"{name}, {what}: {why}"))
                        del out[name]

                def start(name):
                    command, load = self.command(name, loads[name])
                    server = stack.enter_context(Server(command, self.server_cpus))
                    seconds = self.args.seconds / self.args.slices
                    there[name] = stack.enter_context(Load(self.generator(load, server, seconds),
                                                           self.load_cpus))
                    there[name].hear()

                for name in list(out):
                    attempt(name, lambda name=name: start(name))
                for j in range(self.args.slices):
                    for name in rotated(list(out), i + j):
                        attempt(name, lambda name=name: out[name].append(there[name].measure()))
        return out

    def rounds_of(self, what, loads):
        """server -> the results of its rounds, for `loads`: server -> arguments of bench-load."""
        print(f"{what} ...", file=sys.stderr)
        out = {name: [] for name in loads}
        for i in range(self.args.rounds):
            for name in rotated(list(out), i):  # another first: disturbances may come at intervals, too
                try:
                    out[name].append(self.run(name, loads[name]))
                except Failure as why:
                    self.leave_out(name, why)
                    del out[name]
        return out

    def leave_out(self, name, why):
        """A peer that fails does not take the rest with it."""
        if not self.servers[name].peer:
            raise why
        print(f"left out: {why}", file=sys.stderr)

    def row(self, row):
        if row.unit != "us":
            return self.rounds_of(row.title, {name: row.load for name in self.servers if name != "floor"})
        return self.slices_of(row.title, {name: row.load for name in self.servers})

    def threads(self):
        """where -> row -> server x threads -> results. The load needs a CPU too: CPU per message counts."""
        each = {f"{name} x {count}": self.servers[name]._replace(
                    command=[*self.servers[name].command, "--threads", count])
                for name in ("floor", "siokit") for count in (1, 2)}
        both = (SERVER_CPU, LOAD_CPU)
        out = {}
        for where, cpus, more in ((APART, ((SERVER_CPU,), (LOAD_CPU,)), ""),
                                  (SHARED, (both, both), " --sleeps")):
            measured = Comparison(self.build, each, self.args, cpus)
            out[where] = {row.name: measured.slices_of(f"{row.title}, threads {where}",
                                                       {name: row.load + more for name in each
                                                        if name.startswith("siokit") or row.name in LONELY})
                          for row in ROWS if row.name in THREADED}
        return out

    def latency(self):
        """Each at the rate that takes half of its CPU, and all at the lowest of these rates."""
        print("which rate takes half of a CPU ...", file=sys.stderr)
        rates = {}
        for name in self.servers:
            try:
                load = "echo"
                for _ in range(3):  # messages that come singly cost more than the crowd of an echo
                    rates[name] = 0.5e6 / self.run(name, load)["cpu_us"]
                    load = f"latency --rate {rates[name]:.0f}"
            except Failure as why:
                self.leave_out(name, why)
                rates.pop(name, None)
        each = {OWN: rates, EQUAL: dict.fromkeys(rates, min(rates.values()))}
        return {title: self.rounds_of(f"latency {title}", {name: f"latency --rate {rate:.0f}"
                                                            for name, rate in by.items()})
                for title, by in each.items()}


def rotated(names, by):
    first = by % max(1, len(names))
    return names[first:] + names[:first]


def median(results, key):
    return statistics.median(each[key] for each in results)


def worst(results, key):
    return max(each[key] for each in results)


def shown(value):
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def ratios(row, results, base):
    """Of slices that follow each other."""
    return [row.value(a) / row.value(b) for a, b in zip(results, base)]


def ratio(row, results, base):
    return statistics.median(ratios(row, results, base))


def middle_half(values):
    """Between which two of them half of the values are."""
    if len(values) < 2:
        return values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high


def goal(wanted, got):
    return f"{wanted}" if round(got, 2) <= wanted else f"{wanted}, missed"


def unrest(row, results):
    """Between which values half of the slices are, in per cent of the lower one."""
    low, high = middle_half([row.value(one) for one in results])
    return 100 * (high / low - 1)


def measured(results):
    return [(row, results[row.name]) for row in ROWS if row.name in results]


def costs(results, names):
    peers = [name for name in names if name not in ("floor", "siokit")]
    columns = ["floor", "siokit", "siokit / floor", "goal", "unrest", *peers]
    lines = []
    for row, cells in measured(results):
        line = {}
        for name, each in cells.items():
            waited = "busy" in each[0] and median(each, "busy") < SATURATED
            line[name] = shown(statistics.median(map(row.value, each))) + (" *" if waited else "")
        line["goal"] = f"{row.goal}" if row.goal else "1.0 KiB"
        if "floor" in cells and "siokit" in cells:
            each = ratios(row, cells["siokit"], cells["floor"])
            low, high = middle_half(each)
            line["siokit / floor"] = f"{statistics.median(each):.2f} ({low:.2f} to {high:.2f})"
            line["goal"] = goal(row.goal, statistics.median(each))
            line["unrest"] = f"{unrest(row, cells['floor']):.0f} %"
        lines.append([f"{row.title}, {row.unit}", *[line.get(column, "-") for column in columns]])
    return table(["work", *columns], lines) + (
        f"\n\n`*`: the server used less than {100 * SATURATED:.0f} % of its CPU: the limit was the load"
        " generator, or who else used the machine. Behind a ratio: where half of the slices are."
        " Unrest: how far apart that half of the floor's own slices is, which is the host's doing.")


def shares(results, names):
    """Whose CPU was the limit."""
    def cell(each):
        return " / ".join(f"{100 * median(each, key):.0f}" for key in ("busy", "load_busy")) if each else "-"

    lines = [[row.title, *[cell(cells.get(name)) for name in names]]
             for row, cells in measured(results) if row.unit == "us"]
    return table(["CPU of the server / of the load generator, %", *names], lines) if lines else ""


def threads(results, where):
    lines = []
    for row in filter(lambda row: row.name in results, ROWS):
        each = results[row.name]
        line = [shown(statistics.median(map(row.value, each[f"siokit x {count}"]))) for count in (1, 2)]
        for name in ("siokit", "floor"):
            one, two = each.get(f"{name} x 1"), each.get(f"{name} x 2")
            line.append(f"{ratio(row, two, one):.2f}" if one else "-")
        one, two = each["siokit x 1"], each["siokit x 2"]
        lines.append([f"{row.title}, {row.unit}", *line, goal(THREADS_GOAL, ratio(row, two, one))])
    columns = [f"threads {where}", "one thread", "two threads", "two / one", "the floor's", "goal"]
    return table(columns, lines)


def generator_late(each):
    """Whether much of what the slow messages took was spent before they were sent."""
    return median(each, "late_p99") > median(each, "p99") / 2


def latencies(results):
    lines = []
    for title, cells in results.items():
        for name, each in cells.items():
            numbers = [f"{(worst if key == 'max' else median)(each, key):,.0f}"
                       for key in ("rate", "p50", "p99", "p999", "max", "late_p99")]
            numbers[-1] += " *" if generator_late(each) else ""
            lines.append([f"{name}, {title}", *numbers, f"{100 * median(each, 'busy'):.0f} %"])
    columns = ["latency of acked events, us", "events/s", "p50", "p99", "p99.9", "max", "sent late, p99",
               "server's CPU"]
    return table(columns, lines) + (
        "\n\n`*`: more than half of the p99 is lateness of the load generator: it says little of the server.")


def report(results):
    """All that was measured, in Markdown."""
    names = list(results["versions"])
    where = {name: results[name] for name in ("date", "machine", "kernel", "compiler", "run")}
    parts = [table(["", ""], [*{**where, **results["versions"]}.items()])]
    if results["left_out"]:
        parts.append(f"Not there, and so left out: {', '.join(results['left_out'])}.")
    if results["cpu"]:
        parts += [costs(results["cpu"], names), shares(results["cpu"], names)]
    for where, each in results["threads"].items():
        parts.append(threads(each, where))
    if results["latency"]:
        parts.append(latencies(results["latency"]))
    return "\n\n".join(filter(None, parts)) + "\n"


def chosen(text, known, option):
    """Those of `known` that `text` names, separated by commas; all without a text."""
    for name in text.split(",") if text else ():
        if name not in known:
            sys.exit(f"{option}: there is no {name!r} among {', '.join(known)}")
    return [name for name in known if not text or name in text.split(",")]


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path, help="folder of a release build")
    parser.add_argument("--seconds", type=float, default=4, help="how long a cell is measured in a round")
    parser.add_argument("--slices", type=int, default=10,
                        help="parts of these seconds, in which the servers take turns")
    parser.add_argument("--warm-up", type=float, default=3, help="seconds before that, of the same load")
    parser.add_argument("--rounds", type=int, default=3, help="each with new processes")
    parser.add_argument("--rows", default="", metavar="NAMES",
                        help=f"only these, separated by commas: {', '.join(ROW_NAMES)}")
    parser.add_argument("--only", default="", metavar="NAMES",
                        help="only these servers beside the floor, separated by commas")
    parser.add_argument("--out", type=pathlib.Path, metavar="FOLDER",
                        help="write comparison.md, and all results as comparison.json, to this folder")
    parser.add_argument("--plots", type=pathlib.Path, metavar="FOLDER", help="write plots to this folder")
    args = parser.parse_args()
    if not 0.1 <= args.seconds <= 3600 or not 0 <= args.warm_up <= 3600 or min(args.rounds, args.slices) < 1:
        sys.exit("--seconds 0.1 to 3600, --warm-up 0 to 3600, --rounds and --slices 1 or more")
    return args


def main():
    args = arguments()
    build = args.build.resolve()
    begin(build, SIOKIT, LOAD, FLOOR)
    if args.plots:
        import plots  # needs matplotlib; says so before anything is measured
    for folder in filter(None, (args.out, args.plots)):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as why:
            sys.exit(f"{folder}: {why.strerror}")
    rows = chosen(args.rows, ROW_NAMES, "--rows")
    results = {**facts(build), "run": f"rounds: {args.rounds}, of {args.seconds:g} s each, in {args.slices} "
                                      f"slices, warmed up for {args.warm_up:g} s; servers on CPU "
                                      f"{SERVER_CPU}, load on CPU {LOAD_CPU}"}
    known = contenders(build, results["commit"])
    wanted = {"floor", *chosen(args.only, known, "--only")}
    there = {name: what for name, what in known.items() if what and name in wanted}
    results["versions"] = {name: what.version for name, what in there.items()}
    results["left_out"] = [name for name in known if name in wanted and name not in there]
    comparison = Comparison(build, there, args)
    others = Others()
    try:
        results["cpu"] = {row.name: comparison.row(row) for row in ROWS if row.name in rows}
        results["threads"] = comparison.threads() if "threads" in rows and "siokit" in there else {}
        results["latency"] = comparison.latency() if "latency" in rows else {}
    except Failure as why:
        sys.exit(f"{why}")
    results["run"] += f"; others used {100 * others.share():.0f} % of the CPUs"
    print(report(results), end="")
    if args.out:
        (args.out / "comparison.md").write_text(report(results))
        (args.out / "comparison.json").write_text(json.dumps(results, indent=1) + "\n")
    if args.plots:
        plots.comparison(results, args.plots)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Counts the instructions of each micro-benchmark with callgrind, and compares them with a baseline.
The time of one iteration is printed beside, and compared with nothing.

    instructions.py BENCH_MICRO BASELINE [--write] [--filter REGEX]

Instructions are the same on a busy machine and an idle one, as are the bytes of memory that an idle session
holds, which are compared too. What one iteration costs is the difference
between a run of many and a run of few, divided by how many more there were: what comes before the first
iteration is in both.
Fails when one has grown by more than 3 %; --write makes what was counted the baseline.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys

FEW, MANY, SHORT_MANY = 20, 60, 2020  # the last for those of less than SHORT instructions
SHORT = 50_000
GROWTH_MAX = 0.03
NOISE = 2  # instructions: what alignment and rounding may add to the smallest ones


def names(program, wanted):
    done = subprocess.run([program, "--benchmark_list_tests"], capture_output=True, text=True, check=True)
    return [name for name in done.stdout.split()
            if re.search(wanted, name) and not name.startswith("idle_session")]


def run(program, name, iterations):
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", str(program),
         f"--benchmark_filter=^{re.escape(name)}(/iterations.*)?$"],
        env={**os.environ, "SIOKIT_ITERATIONS": str(iterations)}, capture_output=True, text=True, check=True)
    if f"\n{name}/" not in done.stdout:
        sys.exit(f"{name} did not run: {done.stdout}")
    return int(re.search(r"Collected : (\d+)", done.stderr)[1])


def count(program, name):
    few = run(program, name, FEW)
    each = (run(program, name, MANY) - few) / (MANY - FEW)
    if each <= SHORT:
        each = (run(program, name, SHORT_MANY) - few) / (SHORT_MANY - FEW)
    return each


def times(program, wanted):
    """name -> nanoseconds of one iteration. Others use the machine: they are shown, and judge nothing."""
    done = subprocess.run([program, "--benchmark_format=json", "--benchmark_min_time=0.05",
                           f"--benchmark_filter={wanted}"], capture_output=True, text=True, check=True)
    unit = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}
    return {each["name"]: each["cpu_time"] * unit[each["time_unit"]]
            for each in json.loads(done.stdout)["benchmarks"]}


def sizes(program, wanted):
    """name -> bytes of memory that each session holds."""
    done = subprocess.run([program, "--benchmark_format=json", "--benchmark_filter=^idle_session"],
                          capture_output=True, text=True, check=True,
                          env={**os.environ, "SIOKIT_ITERATIONS": "1"})
    each = {f"{one['name'].split('/iterations')[0]}, bytes": round(one["bytes"])
            for one in json.loads(done.stdout)["benchmarks"]}
    return {name: size for name, size in each.items() if re.search(wanted, name)}


def grown(counted, known):
    """Names of what is over the baseline, or not in it."""
    return [name for name, now in counted.items()
            if name not in known or now - known[name] > max(NOISE, GROWTH_MAX * known[name])]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("baseline", type=pathlib.Path)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--filter", default=".")
    args = parser.parse_args()
    known = json.loads(args.baseline.read_text()) if args.baseline.exists() else {}
    wanted = names(args.program, args.filter)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        counted = dict(zip(wanted, pool.map(lambda name: round(count(args.program, name)), wanted)))
    counted.update(sizes(args.program, args.filter))
    took = times(args.program, args.filter)
    print(f"{'':34} {'instructions':>12} {'ns':>14}   of the baseline")
    for name, now in counted.items():
        change = f"{100 * (now - known[name]) / known[name]:+6.1f} %" if name in known else "not in it"
        time = f"{took[name]:,.1f}" if name in took else ""
        print(f"{name:34} {now:12,} {time:>14}   {change}")
    gone = [name for name in known if name not in counted and re.search(args.filter, name)]
    if args.write:
        kept = {name: before for name, before in known.items() if name not in gone}
        args.baseline.write_text(json.dumps({**kept, **counted}, indent=1) + "\n")
        return
    if gone:
        sys.exit(f"in {args.baseline.name}, but not measured: {', '.join(gone)}; --write")
    if worse := grown(counted, known):
        sys.exit(f"over {args.baseline.name} by more than {100 * GROWTH_MAX:g} %: {', '.join(worse)}")
    print(f"{len(counted)} passed, 0 failed")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Runs the targets of libFuzzer, as many at once as there are cores.

    fuzz.py BUILD SECONDS [--keep] [TARGET...]

BUILD is where siokit-libfuzzer was built. The corpus, one line an input (corpus/TARGET.txt), is laid out
below it, and what a target finds is kept there from run to run. --keep adds inputs that matter to corpus/, up
to a number. An input that breaks something is left in BUILD/crash-TARGET-...; exit code 1.
"""
import argparse
import codecs
import hashlib
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

CORPUS = Path(__file__).resolve().parent / "corpus"
LONGEST, MOST = 800, 120  # bytes of an input, inputs of a target that are kept


def to_line(data):
    return "".join(chr(b) if 32 <= b < 127 and b != 92 else f"\\x{b:02x}" for b in data)


def from_line(line):
    return codecs.escape_decode(line.encode())[0]


def lay_out(name, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for line in (CORPUS / f"{name}.txt").read_text().splitlines():
        data = from_line(line)
        (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)


def run(build, name, seconds):
    folder = build / "corpus" / name
    lay_out(name, folder)
    command = [build / f"fuzz-{name}", folder, f"-max_total_time={seconds}", f"-max_len={LONGEST}",
               "-timeout=10", "-print_final_stats=1", f"-artifact_prefix={build}/crash-{name}-"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    log = build / f"{name}.log"
    log.write_text(done.stdout + done.stderr)
    runs = [line.split()[-1] for line in done.stderr.splitlines() if "number_of_executed_units" in line]
    verdict = "ok" if done.returncode == 0 else "BROKEN"
    print(f"{name:14} {verdict:8} {runs[0] if runs else '?':>12} runs", flush=True)
    if done.returncode != 0:
        print("\n".join(done.stderr.splitlines()[-30:]), flush=True)
    return done.returncode == 0


def keep(build, name):
    merged = build / "merged" / name
    shutil.rmtree(merged, ignore_errors=True)
    merged.mkdir(parents=True)
    command = [build / f"fuzz-{name}", "-merge=1", f"-max_len={LONGEST}", merged, build / "corpus" / name]
    subprocess.run(command, check=True, capture_output=True)
    file = CORPUS / f"{name}.txt"
    lines = file.read_text().splitlines()
    found = sorted((path.read_bytes() for path in merged.iterdir()), key=len)
    new = [line for line in map(to_line, found) if line not in lines]
    step = max(1, len(new) / max(1, MOST - len(lines)))  # some of each length
    lines += [new[int(i * step)] for i in range(min(MOST - len(lines), len(new)))]
    file.write_text("".join(line + "\n" for line in lines))


def main():
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("build", type=lambda text: Path(text).resolve())
    parser.add_argument("seconds", type=int)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("targets", nargs="*")
    given = parser.parse_intermixed_args()
    names = given.targets or sorted(path.stem for path in CORPUS.glob("*.txt"))
    for name in names:
        link = given.build / f"fuzz-{name}"
        link.unlink(missing_ok=True)
        link.symlink_to("siokit-libfuzzer")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        good = list(pool.map(lambda name: run(given.build, name, given.seconds), names))
    if given.keep:
        for name in names:
            keep(given.build, name)
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()

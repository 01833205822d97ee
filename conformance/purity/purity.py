#!/usr/bin/env python3
"""Proves that the pure layers ask nothing of the operating system.

    purity.py OBJECT [--allow FILE]

OBJECT was compiled with -fkeep-inline-functions -ffunction-sections: it holds every inline function of ours,
used or not, each in a section of its own. Starting from siokit's own functions this follows the relocations,
and whatever is reached outside of the object must match a line of allow.txt (`regex   # reason`; the regex
matches the whole demangled name). What only the standard library's headers would reach does not count.
"""
import argparse
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

OURS = "6siokit"  # the mangled name of the namespace


def run(*command, text=None):
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def read_object(path):
    """({section: symbols it refers to}, {symbol: section it is defined in})"""
    sections = dict(re.findall(r"^\s*\[\s*(\d+)\] (\S+)", run("readelf", "-SW", path), re.M))
    home = {}
    for line in run("readelf", "-sW", path).splitlines():
        fields = line.split()
        if len(fields) >= 8 and fields[6].isdigit():
            home[fields[7]] = sections[fields[6]]
    home.update((name, name) for name in sections.values())  # relocations name sections too
    refers = defaultdict(set)
    section = None
    for line in run("readelf", "-rW", path).splitlines():
        if line.startswith("Relocation section '"):
            section = re.sub(r"^\.rela?", "", line.split("'")[1])
        elif match := re.match(r"[0-9a-f]+\s+[0-9a-f]+\s+R_\S+\s+[0-9a-f]+\s+(\S+)", line):
            refers[section].add(match[1])
    return refers, home


def outside(path):
    """{undefined symbol: the function of siokit that reaches it}"""
    refers, home = read_object(path)
    origin = {home[name]: name for name in home if OURS in name and name.startswith("_Z")}
    if not origin:
        sys.exit(f"{path} holds nothing of siokit: was it compiled with -ffunction-sections?")
    found, todo = {}, list(origin)
    while todo:
        section = todo.pop()
        for symbol in refers[section]:
            if symbol not in home:
                found.setdefault(symbol, origin[section])
            elif home[symbol] not in origin and not home[symbol].startswith(".eh_frame"):
                origin[home[symbol]] = origin[section]
                todo.append(home[symbol])
    return found


def allowed(path):
    lines = [line.split("   #")[0].strip() for line in path.read_text().splitlines()]
    return [re.compile(line) for line in lines if line and not line.startswith("#")]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("object")
    parser.add_argument("--allow", type=Path, default=Path(__file__).with_name("allow.txt"))
    arguments = parser.parse_args()
    found = outside(arguments.object)
    names = dict(zip(found, run("c++filt", text="\n".join(found)).splitlines()))
    patterns = allowed(arguments.allow)
    impure = [symbol for symbol in found if not any(p.fullmatch(names[symbol]) for p in patterns)]
    for symbol in sorted(impure, key=names.get):
        print(f"{names[symbol]}\n    reached from {run('c++filt', found[symbol]).strip()}")
    print(f"{len(found)} symbols outside of siokit, {len(impure)} of them not allowed")
    sys.exit(1 if impure else 0)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Where the time of siokit-server goes: a flame graph of one row of compare.py, as SVG.

Samples stacks of the server under load with perf, on the clock of its CPU, and draws them: wide is much time,
below is who calls. What the compiler has inlined belongs to its caller. Colours are the layers.
"""
import argparse
import html
import pathlib
import re
import subprocess
import sys
import tempfile

import compare
from harness import LOAD_CPU, SIOKIT, Failure, Server, begin, pinned, version

WIDTH, LINE, NARROW = 1200, 17, 0.002  # pixels; of the whole, what is not drawn
LAYERS = {"kernel": "#c9c9c9", "net": "#8ec5e8", "asio": "#b9d7ea", "websocket": "#a8dcc1",
          "engineio": "#f3d27a", "socketio": "#f2b279", "hub": "#ec9a94", "core": "#cdb4e6",
          "handlers": "#e8a9cc", "rest": "#dedbd2"}


def layer(name, binary):
    if "kernel" in binary or binary == "[unknown]":
        return "kernel"
    found = re.search(r"siokit::v0::(net|websocket|engineio|socketio|hub)\b", name)
    if found:
        return found[1]
    return ("asio" if "asio::" in name else "handlers" if "testbed::" in name
            else "core" if "siokit::v0" in name else "rest")


def short(name):
    """Without templates, parameters, and the namespaces that all have."""
    before = None
    while before != name:
        before, name = name, re.sub(r"<[^<>]*>|\([^()]*\)|\[[^\[\]]*\]", "", name)
    name = re.sub(r"siokit::v0::|::impl\b|\{lambda|\}|#\d+|\b(const|noexcept)\b", "", name)
    return name.strip().split(" ")[-1] or "?"


def stacks(script):
    """(name, layer) from the outermost caller to the innermost, for each sample."""
    for sample in script.split("\n\n"):
        frames = re.findall(r"^\s+[0-9a-f]+ (.*?)(?:\+0x[0-9a-f]+)? \(([^()]*)\)$", sample, re.M)
        if frames:
            yield [(short(name), layer(name, binary)) for name, binary in reversed(frames)]


def tree(samples):
    """A frame is [samples, children by (name, layer)]."""
    root = [0, {}]
    for stack in samples:
        root[0] += 1
        at = root
        for frame in stack:
            at = at[1].setdefault(frame, [0, {}])
            at[0] += 1
    return root


def deepest(at, least):
    return 1 + max((deepest(each, least) for each in at[1].values() if each[0] >= least), default=0)


def drawn(root, title):
    least = root[0] * NARROW
    levels = deepest(root, least)
    height = (levels + 3) * LINE
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="monospace" '
           'font-size="11">', f'<rect width="{WIDTH}" height="{height}" fill="#fbfaf7"/>',
           f'<text x="4" y="13">{html.escape(title)}</text>']
    for i, (name, colour) in enumerate(LAYERS.items()):
        out.append(f'<rect x="{4 + 90 * i}" y="{LINE + 3}" width="11" height="11" fill="{colour}"/>'
                   f'<text x="{19 + 90 * i}" y="{LINE + 13}">{name}</text>')

    def draw(at, x, level):
        for (name, kind), each in sorted(at[1].items()):
            wide = each[0] / root[0] * WIDTH
            if each[0] >= least:
                y = height - (level + 1) * LINE
                letters = int((wide - 4) / 6.7)
                text = (f'<text x="{x + 2:.1f}" y="{y + 12}">{html.escape(name[:letters])}</text>'
                        if letters > 2 else "")
                share = f"{100 * each[0] / root[0]:.1f} %"
                out.append(f'<g><title>{html.escape(name)}: {share}</title><rect x="{x:.1f}" y="{y}" '
                           f'width="{max(wide - 0.5, 0.5):.1f}" height="{LINE - 1}" '
                           f'fill="{LAYERS[kind]}"/>{text}</g>')
                draw(each, x, level + 1)
            x += wide

    draw(root, 0, 0)
    return "\n".join([*out, "</svg>"]) + "\n"


def recorded(build, row, seconds):
    """What perf says of the server under this load."""
    with tempfile.TemporaryDirectory() as folder:
        data = pathlib.Path(folder) / "perf.data"
        with Server([build / SIOKIT, "--port", 0, "--log-level", "warn"]) as server:
            load = pinned((LOAD_CPU,), [build / compare.LOAD, *row.load.split(), "--port", server.port,
                                        "--pid", server.process.pid, "--seconds", seconds + 1,
                                        "--warm-up", 0],
                          stdout=subprocess.PIPE)
            record = subprocess.run(["perf", "record", "-q", "-e", "cpu-clock", "-F", "1999", "--call-graph",
                                     "dwarf,8192", "-p", str(server.process.pid), "-o", data, "--", "sleep",
                                     str(seconds)], capture_output=True, text=True)
            load.communicate()
        if record.returncode != 0:
            raise Failure(f"perf record: {record.stderr.strip()}")
        script = subprocess.run(["perf", "script", "-i", data, "-F", "ip,sym,dso"], capture_output=True,
                                text=True)
    return script.stdout


def main():
    rows = {row.name: row for row in compare.ROWS if row.unit == "us"}
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path, help="folder of a release build")
    parser.add_argument("--row", choices=rows, default="echo")
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--out", type=pathlib.Path, metavar="FILE",
                        help="default: flame-ROW.svg in build/bench")
    args = parser.parse_args()
    build = args.build.resolve()
    begin(build, SIOKIT, compare.LOAD)
    if not version("perf", "--version"):
        sys.exit("perf is not there: Debian has it in linux-perf")
    try:
        root = tree(stacks(recorded(build, rows[args.row], args.seconds)))
    except Failure as why:
        sys.exit(str(why))
    if root[0] == 0:
        sys.exit("perf took no samples")
    out = args.out or build.parent / f"bench/flame-{args.row}.svg"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(drawn(root, f"siokit-server under the row {args.row}: {root[0]} samples"))
    print(out)


if __name__ == "__main__":
    main()

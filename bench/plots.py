#!/usr/bin/env python3
"""Draws results of benchmarks as SVG; the same results give the same file."""
import argparse
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "build/bench/python"))
try:
    import matplotlib
    import matplotlib.ticker
except ImportError:
    sys.exit("plots need matplotlib, which `make bench-connections` installs below build/")
matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402 (after the choice of what draws)

plt.rcParams.update({
    "svg.hashsalt": "siokit", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 8,
    "font.sans-serif": ["DejaVu Sans"],
    "axes.grid": True, "grid.color": "#dddddd", "axes.spines.top": False, "axes.spines.right": False,
    "axes.titlesize": 9, "axes.axisbelow": True,
})

# Columns of the plot: title, then label -> key of a row, for connections and for the core.
SCALE = [
    ("memory, KiB each",
     {"resident": "resident_kib", "kernel, both ends": "slab_kib"},
     {"resident": "resident_bytes", "malloc": "malloc_bytes"}),
    ("us CPU a heartbeat", {"": "ping_us"}, {"": "heartbeat_us"}),
    ("us CPU a delivery of a broadcast",
     {"to all": "delivery_us"},
     {"to all": "broadcast_us", "to one of 1,000 rooms": "room_us"}),
]


def thousands(number, _):
    return f"{number / 1e6:g}M" if number >= 1e6 else f"{number / 1e3:g}k" if number >= 1e3 else f"{number:g}"


def panel(axes, title, rows, across, series):
    for label, key in series.items():
        scale = 1024 if key.endswith("_bytes") else 1
        axes.plot([row[across] for row in rows], [row[key] / scale for row in rows], "o-", label=label,
                  markersize=3, linewidth=1)
    axes.set(title=title, xlabel=across, xscale="log")
    axes.set_ylim(0, 1.4 * axes.dataLim.y1)  # from nothing, and with a place for the legend
    axes.xaxis.set_major_formatter(thousands)
    axes.xaxis.set_minor_locator(matplotlib.ticker.NullLocator())
    if "" not in series:
        axes.legend(loc="upper left", ncols=len(series), frameon=False, fontsize=7)


def save(figure, path):
    figure.tight_layout()
    figure.savefig(path, format="svg", facecolor="white", metadata={"Date": None, "Creator": None})
    plt.close(figure)


def scale(results, folder):
    """What a connection costs, by their number: above siokit-server, below the pure core, as far as measured.
    Flat is what is wanted."""
    parts = [(key, across) for key, across in (("connections", "connections"), ("core", "sessions"))
             if results.get(key)]
    figure, axes = plt.subplots(len(parts), 3, figsize=(8.5, 2.4 * len(parts)), squeeze=False)
    for line, (key, across) in zip(axes, parts):
        for where, (title, *series) in zip(line, SCALE):
            panel(where, title, results[key], across, series[key == "core"])
    folder.mkdir(parents=True, exist_ok=True)
    save(figure, folder / "scale.svg")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=pathlib.Path, help="what bench/connections.py --json wrote")
    parser.add_argument("folder", type=pathlib.Path)
    args = parser.parse_args()
    scale(json.loads(args.results.read_text()), args.folder)


if __name__ == "__main__":
    main()

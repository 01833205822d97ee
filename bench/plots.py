#!/usr/bin/env python3
"""Draws results of benchmarks as SVG; the same results give the same file."""
import argparse
import json
import pathlib
import statistics
import sys
import textwrap

import compare
from harness import ROOT

sys.path.insert(0, str(ROOT / "build/bench/python"))
try:
    import matplotlib
    import matplotlib.ticker
except ImportError:
    sys.exit("plots need matplotlib, which `make bench` installs below build/")
matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402 (after the choice of what draws)

plt.rcParams.update({
    "svg.hashsalt": "siokit", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 8,
    "font.sans-serif": ["DejaVu Sans"],
    "axes.grid": True, "grid.color": "#dddddd", "axes.spines.top": False, "axes.spines.right": False,
    "axes.titlesize": 9, "axes.axisbelow": True, "legend.frameon": False, "legend.fontsize": 7,
})
COLOURS = {"floor": "#8c8c8c", "siokit": "#d1495b", "socketioxide": "#e6a03c", "official on Bun": "#3e8989",
           "official on Node": "#4a6fa5"}
# Who reads in the dark gets a dark picture, of the same hues.
DARK = ("<style>@media (prefers-color-scheme: dark) "
        "{ #figure_1 { filter: invert(.88) hue-rotate(180deg) } }</style>")

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


def logarithmic(axis, at=None):
    """Plain numbers along a scale of powers."""
    axis.set_major_formatter(thousands)
    axis.set_minor_locator(matplotlib.ticker.NullLocator())
    if at:
        axis.set_major_locator(matplotlib.ticker.FixedLocator(at))


def save(figure, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="svg", facecolor="white", metadata={"Date": None, "Creator": None})
    plt.close(figure)
    head, body = path.read_text().split("<defs>", 1)
    path.write_text(f"{head}{DARK}<defs>{body}")


def growth(axes, title, rows, across, series):
    for label, key in series.items():
        scale = 1024 if key.endswith("_bytes") else 1
        axes.plot([row[across] for row in rows], [row[key] / scale for row in rows], "o-", label=label,
                  markersize=3, linewidth=1)
    axes.set(title=title, xlabel=across, xscale="log")
    axes.set_ylim(0, 1.4 * axes.dataLim.y1)  # from nothing, and with a place for the legend
    logarithmic(axes.xaxis)
    if "" not in series:
        axes.legend(loc="upper left", ncols=len(series))


def scale(results, folder):
    """What a connection costs, by their number: above siokit-server, below the pure core, as far as measured.
    Flat is what is wanted."""
    parts = [(key, across) for key, across in (("connections", "connections"), ("core", "sessions"))
             if results.get(key)]
    figure, axes = plt.subplots(len(parts), 3, figsize=(8.5, 2.4 * len(parts)), squeeze=False)
    for line, (key, across) in zip(axes, parts):
        for where, (title, *series) in zip(line, SCALE):
            growth(where, title, results[key], across, series[key == "core"])
    figure.tight_layout()
    save(figure, folder / "scale.svg")


def bars(axes, title, groups, names, label):
    """groups: [(its title, the goal of siokit, server -> length)], from above."""
    height = 0.8 / len(names)
    for g, (_, goal, lengths) in enumerate(groups):
        for n, name in enumerate(name for name in names if name in lengths):
            at = g + (n + 0.5) * height - 0.4
            axes.barh(at, lengths[name], height, color=COLOURS[name])
            axes.text(1.04 * lengths[name], at, label(lengths[name]), va="center", fontsize=6)
            if name == "siokit" and goal:
                axes.plot([goal, goal], [at - height / 2, at + height / 2], color="black", linewidth=1.2)
    axes.set(title=title, xscale="log", yticks=range(len(groups)), ylim=(len(groups) - 0.5, -0.5))
    axes.set_yticklabels([title for title, _, _ in groups])
    axes.grid(False, axis="y")
    axes.tick_params(axis="y", length=0)


def costs(results, folder):
    """How many times the floor each server costs, and memory, which has no floor."""
    rows = compare.measured(results["cpu"])
    times = [(textwrap.fill(row.title, 30), row.goal,
              {name: compare.ratio(row, each, cells["floor"]) for name, each in cells.items()
               if name != "floor"}) for row, cells in rows if row.unit == "us"]
    memory = [("idle connection", 1.0,
               {name: statistics.median(map(row.value, each)) for name, each in cells.items()})
              for row, cells in rows if row.unit == "KiB"]
    parts = [(title, part, label) for title, part, label in (
        ("CPU of a message, times that of the floor", times, "{:.2f}".format),
        ("resident memory, KiB", memory, "{:.1f}".format)) if part]
    names = [name for name in results["versions"] if name != "floor"]
    if not parts or not names:
        return
    heights = [len(part) for _, part, _ in parts]
    inches = 0.6 + 0.15 * (1 + len(names)) * (sum(heights) + len(heights))
    figure, axes = plt.subplots(len(parts), 1, figsize=(8.5, inches), height_ratios=heights, squeeze=False)
    for where, (title, part, label) in zip(axes[:, 0], parts):
        bars(where, title, part, names, label)
        where.set_xlim(left=1 if part is times else 0.5)
        logarithmic(where.xaxis, [0.5, 1, 2, 5, 10, 20, 50, 100])
    marks = [matplotlib.patches.Patch(color=COLOURS[name], label=name) for name in names]
    marks.append(matplotlib.lines.Line2D([], [], color="black", linewidth=1.2, label="goal of siokit"))
    figure.tight_layout(rect=(0, 0.03, 1, 1))
    figure.legend(handles=marks, loc="lower center", ncols=len(marks))
    save(figure, folder / "comparison.svg")


def latencies(results, folder):
    """From the median to the 99.9th percentile, hollow where the load generator was late."""
    parts = results["latency"]
    if not parts:
        return
    names = list(results["versions"])
    size = 8.5, 0.9 + 0.3 * len(names)
    figure, axes = plt.subplots(1, len(parts), figsize=size, sharex=True, sharey=True)
    for where, (title, cells) in zip(axes, parts.items()):
        for name, each in cells.items():
            at = names.index(name)
            points = [compare.median(each, key) for key in ("p50", "p99", "p999")]
            where.plot(points, [at] * 3, color=COLOURS[name], linewidth=1)
            fill = "white" if compare.generator_late(each) else COLOURS[name]
            for marker, point in zip("os^", points):
                where.plot(point, at, marker, color=COLOURS[name], markerfacecolor=fill, markersize=5)
        where.set(title=f"us of an acked event {title}", xscale="log", ylim=(len(names) - 0.5, -0.5),
                  yticks=range(len(names)), yticklabels=names)
        where.tick_params(axis="y", length=0)
        logarithmic(where.xaxis)
    marks = [matplotlib.lines.Line2D([], [], color="black", marker=marker, linestyle="", markersize=5,
                                     markerfacecolor=fill, label=label)
             for marker, fill, label in (
                 ("o", "black", "p50"), ("s", "black", "p99"), ("^", "black", "p99.9"),
                 ("s", "white", "hollow: the load generator was late"))]
    figure.tight_layout(rect=(0, 0.08, 1, 1))
    figure.legend(handles=marks, loc="lower center", ncols=4)
    save(figure, folder / "latency.svg")


def comparison(results, folder):
    costs(results, folder)
    latencies(results, folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=pathlib.Path,
                        help="comparison.json of bench/compare.py, or what bench/connections.py --json wrote")
    parser.add_argument("folder", type=pathlib.Path)
    args = parser.parse_args()
    try:
        results = json.loads(args.results.read_text())
    except (OSError, ValueError) as why:
        sys.exit(f"{args.results}: {why}")
    (comparison if "cpu" in results else scale)(results, args.folder)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""What the tools make of results, shown with results made up for it: no server runs."""
import unittest

import compare
import connections
import instructions


def echo(cpu_us, busy=1.0):
    return {"cpu_us": cpu_us, "busy": busy, "load_busy": 0.5}


def late(p99, late_p99):
    return {"rate": 1000, "p50": 1, "p99": p99, "p999": 3, "max": 4, "late_p99": late_p99, "busy": 0.5}


def results(**more):
    facts = {name: name for name in ("date", "machine", "kernel", "compiler", "run")}
    return {**facts, "versions": {"floor": "1", "siokit": "2", "other": "3"}, "left_out": [], "cpu": {},
            "threads": {}, "latency": {}, **more}


class Comparison(unittest.TestCase):
    def line(self, text, beginning):
        found = [line for line in text.splitlines() if line.startswith(f"| {beginning}")]
        self.assertEqual(len(found), 1, text)
        return [cell.strip() for cell in found[0].strip("|").split("|")][1:]

    def test_a_ratio_is_the_median_of_those_of_each_slice(self):
        # The machine was twice as slow in the second one: medians of the cells would say 1.5.
        cells = {"floor": [echo(1), echo(2), echo(1)], "siokit": [echo(1.25), echo(2.5), echo(1.5)]}
        said = compare.report(results(cpu={"echo": cells}))
        self.assertEqual(self.line(said, "acked event of 32 B, 100 clients, 1 in flight, us"),
                         ["1.00", "1.50", "1.25 (1.25 to 1.38)", "1.15, missed", "50 %", "-"])

    def test_who_had_nothing_to_do_is_marked(self):
        cells = {"floor": [echo(1)], "siokit": [echo(2, busy=0.8)], "other": [echo(3)]}
        said = compare.report(results(cpu={"polling": cells}))
        self.assertEqual(self.line(said, "acked event by long-polling, us"),
                         ["1.00", "2.00 *", "2.00 (2.00 to 2.00)", "1.3, missed", "0 %", "3.00"])

    def test_memory_has_no_floor(self):
        said = compare.report(results(cpu={"idle": {"siokit": [{"kib": 0.5}], "other": [{"kib": 20}]}}))
        self.assertEqual(self.line(said, "resident memory"), ["-", "0.500", "-", "1.0 KiB", "-", "20.0"])

    def test_threads_stand_beside_those_of_the_floor(self):
        cells = {"siokit x 1": [echo(2)], "siokit x 2": [echo(3)],
                 "floor x 1": [echo(1)], "floor x 2": [echo(1.2)]}
        said = compare.report(results(threads={"here": {"echo": cells}}))
        self.assertEqual(self.line(said, "acked event of 32 B"),
                         ["2.00", "3.00", "1.50", "1.20", "1.1, missed"])

    def test_a_goal_is_reached_as_it_is_shown(self):
        self.assertEqual([compare.goal(1.7, got) for got in (1.6, 1.704, 1.706)],
                         ["1.7", "1.7", "1.7, missed"])

    def test_the_longest_of_all_rounds_is_shown(self):
        rounds = [{**late(10, 4), "max": most} for most in (4, 9, 5)]
        said = compare.report(results(latency={"here": {"siokit": rounds}}))
        self.assertEqual(self.line(said, "siokit, here")[4], "9")

    def test_a_late_load_generator_is_marked(self):
        said = compare.report(results(latency={"here": {"floor": [late(10, 6)], "siokit": [late(10, 4)]}}))
        self.assertEqual(self.line(said, "floor, here")[5], "6 *")
        self.assertEqual(self.line(said, "siokit, here")[5], "4")

    def test_what_is_not_there_is_named(self):
        self.assertIn("left out: other", compare.report(results(left_out=["other"])))

    def test_only_known_names_are_taken(self):
        self.assertEqual(compare.chosen("", ["a", "b"], "--rows"), ["a", "b"])
        self.assertEqual(compare.chosen("b", ["a", "b"], "--rows"), ["b"])
        with self.assertRaises(SystemExit):
            compare.chosen("c", ["a", "b"], "--rows")


class Instructions(unittest.TestCase):
    def test_three_percent_are_too_many(self):
        known = {"same": 1000, "less": 1000, "little": 1000, "much": 1000, "small": 10}
        counted = {"same": 1000, "less": 500, "little": 1030, "much": 1031, "small": 12, "fresh": 1}
        self.assertEqual(instructions.grown(counted, known), ["much", "fresh"])


class Connections(unittest.TestCase):
    def test_quantiles(self):
        self.assertEqual(connections.quantiles(range(1001)),
                         {"p50": 500, "p99": 990, "p999": 999, "max": 1000})


if __name__ == "__main__":
    unittest.main()

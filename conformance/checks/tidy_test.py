#!/usr/bin/env python3
"""Shows that tidy.py finds what it is there to find: a clean tree, then that tree with one thing wrong."""
import tempfile
import unittest
from pathlib import Path

import tidy

HEAD = "// siokit/{} - an example.   SPDX-License-Identifier: MIT\n#pragma once\n"
CLEAN = {
    "CMakeLists.txt": """project(siokit VERSION 1.2.3)
include/siokit/version.hpp
siokit_layer(core ON tl::expected HEADERS
  a b)
siokit_layer(engineio ON siokit::core HEADERS c)
siokit_layer(socketio ON siokit::engineio)
siokit_layer(hub ON siokit::socketio HEADERS d)
siokit_layer(websocket ON siokit::core)
siokit_layer(net ON siokit::hub siokit::websocket HEADERS e)
""",
    "SECURITY.md": "| limit | tests |\n|---|---|\n| depth | `scan.limits` |\n\n| other | - |\n",
    "conformance/unit/scan_test.cpp": "TEST(scan, limits) {\n}\n",
    "CHANGELOG.md": "# Changelog\n\n## Unreleased\n\n## 1.2.3\n",
    "vcpkg.json": '{ "version-semver": "1.2.3" }\n',
    "conformance/package/port/siokit/vcpkg.json": '{ "version-semver": "1.2.3" }\n',
    "include/siokit/version.hpp": HEAD.format("version.hpp") + """
#define SIOKIT_VERSION_MAJOR 1
#define SIOKIT_VERSION_MINOR 2
#define SIOKIT_VERSION_PATCH 3
#define SIOKIT_VERSION_STRING "1.2.3"
""",
    "include/siokit/core/a.hpp": HEAD.format("core/a.hpp") + "#include <tl/expected.hpp>\n",
    "include/siokit/core/b.hpp": HEAD.format("core/b.hpp") + '#include "siokit/core/a.hpp"\n',
    "include/siokit/engineio/c.hpp": HEAD.format("engineio/c.hpp") + '#include "siokit/core/b.hpp"\n',
    "include/siokit/hub/d.hpp": HEAD.format("hub/d.hpp") + """
// throw, std::function and steady_clock::now() are only words
inline auto text = "std::thread"; inline auto digits = 1'000'000;
""",
    "include/siokit/net/e.hpp": HEAD.format("net/e.hpp") + """
#include <asio/io_context.hpp>
#include <thread>
#include "siokit/engineio/c.hpp"
inline auto now = std::chrono::steady_clock::now();
""",
}
LONG = "{\n" + "  ;\n" * 69 + "}\n"

# (file, what is added to it, how the finding starts)
PLANTED = [
    ("SECURITY.md", "| limit | tests |\n|---|---|\n| length | `scan.gone` |\n", "limit: scan.gone"),
    ("SECURITY.md", "| limit | tests |\n|---|---|\n| length | - |\n", "limit: name a test"),
    ("include/siokit/core/a.hpp", '#include "siokit/engineio/c.hpp"\n', "include: siokit/engineio"),
    ("include/siokit/core/a.hpp", '#include "siokit/core/gone.hpp"\n', "include: siokit/core/gone.hpp"),
    ("include/siokit/core/a.hpp", "#include <siokit/core/b.hpp>\n", "include: siokit/core/b.hpp"),
    ("include/siokit/core/a.hpp", "#include <iostream>\n", "include: iostream"),
    ("include/siokit/core/a.hpp", "#include <thread>\n", "include: thread"),
    ("include/siokit/core/a.hpp", "#include <openssl/ssl.h>\n", "include: openssl/ssl.h"),
    ("include/siokit/net/e.hpp", "#include <asio.hpp>\n", "include: asio.hpp"),
    ("include/siokit/hub/d.hpp", "auto t = my::clock::now();\n", "banned: ::now"),
    ("include/siokit/hub/d.hpp", "using c = std::chrono::steady_clock;\n", "banned: steady_clock"),
    ("include/siokit/hub/d.hpp", "std::thread t;\n", "banned: std::thread"),
    ("include/siokit/net/e.hpp", "std::mutex m;\n", "banned: std::mutex"),
    ("include/siokit/hub/d.hpp", "std::atomic<int> n;\n", "banned: std::atomic"),
    ("include/siokit/net/e.hpp", "std::cerr << 1;\n", "banned: std::cerr"),
    ("include/siokit/hub/d.hpp", "std::random_device r;\n", "banned: random_device"),
    ("include/siokit/hub/d.hpp", "int r = rand();\n", "banned: rand"),
    ("include/siokit/net/e.hpp", "std::function<void()> f;\n", "banned: std::function"),
    ("include/siokit/engineio/c.hpp", "unique_function<void()> f;\n", "banned: unique_function"),
    ("include/siokit/hub/d.hpp", "void f() { throw 1; }\n", "banned: throw"),
    ("include/siokit/hub/d.hpp", "int get_size();\n", "banned: get_size"),
    ("include/siokit/net/e.hpp", "asio::awaitable<void> f() { co_return; }\n", "banned: co_return"),
    ("include/siokit/hub/d.hpp", "using namespace std;\n", "banned: using namespace"),
    ("include/siokit/hub/d.hpp", "#define D 1\n", "macro: D"),
    ("include/siokit/hub/d.hpp", "int a::b(int c) const " + LONG, "function: a::b: 71 lines"),
    ("include/siokit/hub/d.hpp", "namespace n {\nstruct s {\ns() : a_(1), b_{2}, c_(3) " + LONG + "};\n}\n",
     "function: s: 71 lines"),
    ("include/siokit/hub/d.hpp", "// a line\n" * 500, "lines: "),
    ("include/siokit/hub/d.hpp", "// " + "x" * 108 + "\n", "columns: 111"),
    ("include/siokit/hub/d.hpp", "// caf\u00e9\n", "ascii: "),
    ("include/siokit/hub/d.hpp", "// end", "newline: "),
    ("docs/guide.md", "TO" "DO: write\n", "unfinished: "),
    ("include/siokit/core/new.hpp", HEAD.format("core/new.hpp"), "unlisted: CMakeLists.txt: add new"),
    ("include/siokit/new.hpp", HEAD.format("new.hpp"), "unlisted: CMakeLists.txt: add include"),
    ("include/siokit/extra/new.hpp", HEAD.format("extra/new.hpp"), "layer: extra"),
    ("include/siokit/core/b.hpp", None, "opening: "),
    ("conformance/checks/allow.txt", "banned include/siokit/core/a.hpp rand: no reason\n", "excuse: "),
    ("include/siokit/version.hpp", None, "version: "),
    ("CMakeLists.txt", None, "version: "),
    ("CHANGELOG.md", None, "version: "),
    ("vcpkg.json", None, "version: "),
    ("conformance/package/port/siokit/vcpkg.json", None, "version: "),
]


class TidyTest(unittest.TestCase):
    def findings(self, changes):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            for path, text in {**CLEAN, **changes}.items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text, encoding="utf-8")
            return [f"{rule}: {advice}" if what == "-" else f"{rule}: {what}: {advice}"
                    for _, _, rule, what, advice in tidy.Tree(root).check()]

    def test_clean_tree(self):
        self.assertEqual(self.findings({}), [])

    def test_long_functions_by_their_length_only(self):
        function = "int f(int c)\n{\n" + "  if (c) {\n  }\n" * 33 + "}\n"
        scope = "struct s {\n" + "  int a;\n" * 90 + "};\n"
        self.assertEqual(self.findings({"reference-server/x.cpp": function + scope}), [])

    def test_planted(self):
        for path, added, expected in PLANTED:
            with self.subTest(expected=expected, path=path):
                before = CLEAN.get(path, "")
                spoilt = before.replace("1.2.3", "1.2.4").replace("- an", "an")
                found = self.findings({path: spoilt if added is None else before + added})
                self.assertTrue([f for f in found if f.startswith(expected)], found)

    def test_excuse(self):
        path = "include/siokit/core/a.hpp"
        planted = {path: CLEAN[path] + "int n = rand();\n"}
        excuse = {"conformance/checks/allow.txt": f"banned {path} rand: to show that it can be excused\n"}
        self.assertEqual(len(self.findings(planted)), 1)
        self.assertEqual(self.findings({**planted, **excuse}), [])


if __name__ == "__main__":
    unittest.main()

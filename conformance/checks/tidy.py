#!/usr/bin/env python3
"""The rules of the source tree that no compiler checks. Prints `path:line: rule: what to do`, exits with 1.

    tidy.py [--root DIR]

A line of allow.txt excuses findings: `rule path what: reason`. A line that excuses nothing is a finding.
"""
import argparse
import re
import sys
from pathlib import Path

MAX_LINES, MAX_FUNCTION, MAX_COLUMNS = 500, 70, 110
SOURCES = {".hpp", ".cpp", ".py", ".cmake", ".txt", ".mjs", ".sh", ".md", ""}
CODE = {".hpp", ".cpp", ".py", ".cmake"}
SKIPPED = {"build", "node_modules", "__pycache__", "corpus", ".git", ".cache"}

PURE = {"core", "engineio", "socketio", "hub", "websocket", "json", "sim", "siokit"}
CALLBACK_FREE = {"engineio", "socketio", "websocket", "json"}
NET = {"net"}
LIBRARY = PURE | NET

# (layers, pattern, what to use instead)
BANNED = [
    (PURE, r"::now\s*\((?!\)\s*(?:const\s*)?(?:noexcept\s*)?\{)|\b\w+_clock\b|\bstd::(?:time|clock)\s*\(",
     "no clock in pure layers: take `now` as an argument"),
    (PURE, r"\bstd::(?:j?thread|this_thread|async|future|promise)\b",
     "no threads in pure layers: a session belongs to one"),
    (LIBRARY, r"\bstd::(?:\w*mutex|(?:lock_guard|\w+_lock)|condition_variable\w*|call_once)\b",
     "no locks: an object belongs to one shard; cross shards with post()"),
    (PURE, r"\bstd::atomic\w*|\bthread_local\b",
     "plain data: an object belongs to one shard"),
    (LIBRARY, r"\bstd::(?:cout|cerr|clog|cin|endl|\w*stream)\b|(?<!\w)f?printf\s*\(|\bputs\s*\(",
     "no stream and no console: append to a std::string, report through a result"),
    (LIBRARY, r"\brandom_device\b|\bmt19937\w*|\bdefault_random_engine\b|(?<![\w.>])s?rand\s*\(",
     "randomness is an argument (below net/) or comes from OpenSSL (net/)"),
    (LIBRARY, r"\bstd::(?:function|bind)\b",
     "core/unique_function.hpp in hub and net; an event below the hub"),
    (CALLBACK_FREE, r"\bunique_function\b",
     "no callbacks below the hub: make it an event to poll"),
    (PURE, r"\bthrow\b|\btry\s*\{|\bcatch\s*\(",
     "errors are result<T> values"),
    (PURE, r"\bdynamic_cast\b|\btypeid\b",
     "no RTTI: use a type tag"),
    (PURE, r"\bgetenv\b|\bstd::system\s*\(",
     "configuration is an argument"),
    (PURE, r"\bget_(?!if\b)\w+\s*\(",
     "queries are bare nouns, without get_"),
    (PURE, r"\bstd::shared_ptr\b|\bmake_shared\b",
     "one owner; core/message.hpp is what is shared"),
    (LIBRARY, r"\busing\s+namespace\b",
     "name what is used: a header must not open namespaces"),
    (LIBRARY, r"\bgoto\b",
     "a loop or a function"),
    (LIBRARY, r"\b(?:strcpy|strcat|v?sprintf|strtok|atoi|atol|gets|alloca)\s*\(",
     "a bounded function on a view"),
    (NET, r"\basio::experimental\b|\bco_(?:await|return|yield)\b",
     "stable Asio without coroutines: Clang 14 must compile it"),
    (NET, r"\bsleep_(?:for|until)\b|\busleep\s*\(",
     "a timer of the loop"),
]


def instead(advice, *headers):
    return dict.fromkeys(headers, advice)


BANNED_HEADERS = {
    **instead("no streams, no console", "iostream", "ostream", "istream", "sstream", "fstream", "iomanip",
              "cstdio"),
    **instead("no locks", "mutex", "shared_mutex", "condition_variable", "future", "stop_token"),
    **instead("randomness and time are arguments", "random", "ctime"),
    **instead("core/unique_function.hpp; std::hash comes with <string_view>", "functional"),
    **instead("too heavy for a header", "regex", "locale", "filesystem", "coroutine", "any", "typeinfo"),
}
BANNED_IN_PURE = instead("one session, one thread", "thread", "atomic")
FOREIGN = {"core": {"tl/expected.hpp", "emmintrin.h"}}  # json/ and net/ include what they adapt
UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
SCOPE = re.compile(
    r"(?:inline\s+)?(?:namespace|extern)\b|(?:class|struct|union|enum)\b(?!.*\)\s*(?:const|noexcept|$))")

LITERAL = re.compile(
    r'R"(?P<tag>[^\s()\\]{0,16})\((?:.|\n)*?\)(?P=tag)"'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9A-Za-z_])(?:u8|[uUL])?'(?:\\.|[^'\\\n])+'"
    r"|//[^\n]*|/\*(?:.|\n)*?\*/"
)


def strip(text):
    """The code without comments and literals; every line stays where it is."""
    def blank(match):
        found = match.group()
        return ("" if found.startswith("/") else '""') + "\n" * found.count("\n")
    return LITERAL.sub(blank, text)


def functions(code):
    """(name, first line, last line) of the outermost functions of stripped code; by braces, roughly."""
    code = re.sub(r"^[ \t]*#(?:.*\\\n)*.*$", lambda found: "\n" * found[0].count("\n"), code, flags=re.M)
    line, head, start, scopes, found = 1, "", 1, [], []
    ended = ("", 1)  # head and first line of the scope that ended last: `a_{1} {` goes on with a constructor
    for token in re.findall(r"\n|[{};]|[^\n{};]+", code):
        if token == "\n":
            line += 1
            head += " "
        elif token == "{":
            if not head.strip():
                head, start = ended
            bare = re.sub(r"^\s*template\s*<.*?>\s*(?=\w+ )", "", head.strip())
            function = "(" in head and not SCOPE.match(bare) and not any(scope[0] for scope in scopes)
            scopes.append((function, head, start))
            head, ended = "", ("", line)
        elif token == "}" and scopes:
            function, head, first = scopes.pop()
            if function:
                name = re.search(r"(operator\S+?|[\w~:]+)\s*\(", head)
                found.append((name[1] if name else "?", first, line))
            head, ended = "", (head, first)
        elif token == ";":
            head, ended = "", ("", line)
        else:
            if not head.strip():
                head, start = ended if token.lstrip().startswith(",") else ("", line)
            head += token
    return found


class Tree:
    def __init__(self, root):
        self.root = root
        self.findings = []  # (path, line, rule, what, advice)
        self.layers = self.read_layers()

    def report(self, path, line, rule, what, advice):
        self.findings.append((str(path), line, rule, what, advice))

    def read_layers(self):
        """CMakeLists.txt is where the layers are defined: {name: (layers it may include, its headers)}."""
        text = (self.root / "CMakeLists.txt").read_text()
        layers = {}
        for body in re.findall(r"^ *siokit_layer\((.*?)\)", text, re.M | re.S):
            words = re.sub(r"#.*", "", body).split()
            split = words.index("HEADERS") if "HEADERS" in words else len(words)
            below = {word.removeprefix("siokit::") for word in words[1:split] if word.startswith("siokit::")}
            for layer in list(below):
                below |= layers.get(layer, (set(),))[0]
            layers[words[0]] = (below | {words[0]}, set(words[split + 1:]))
        return layers

    def files(self):
        for path in sorted(self.root.rglob("*")):
            relative = path.relative_to(self.root)
            if path.is_file() and path.suffix in SOURCES and not any(
                    part in SKIPPED or part.startswith("build-") for part in relative.parts):
                yield relative

    def check(self):
        for path in self.files():
            try:
                text = (self.root / path).read_text(encoding="utf-8")
            except UnicodeDecodeError:
                self.report(path, 1, "ascii", "-", "source files are text")
                continue
            self.check_text(path, text)
            if path.suffix in {".hpp", ".cpp"} and path.parts[0] != "conformance":  # tests may be long tables
                self.check_functions(path, text)
            if path.parts[:2] == ("include", "siokit"):
                self.check_header(path, text)
        self.check_lists()
        self.check_versions()
        self.check_limits()
        self.excuse()
        return self.findings

    def check_text(self, path, text):
        code = path.suffix in CODE or path.name == "CMakeLists.txt"
        for number, line in enumerate(text.split("\n"), 1):
            if UNFINISHED.search(line) and path.suffix != ".json":
                self.report(path, number, "unfinished", "-", "finish it, or write an issue")
            if code and len(line) > MAX_COLUMNS:
                self.report(path, number, "columns", "-", f"{len(line)} columns, at most {MAX_COLUMNS}")
            if code and not line.isascii():
                self.report(path, number, "ascii", "-", "escape what is not ASCII")
        if text and not text.endswith("\n") and path.suffix != ".json":
            self.report(path, text.count("\n") + 1, "newline", "-", "end the file with a newline")

    def check_functions(self, path, text):
        for name, first, last in functions(strip(text)):
            size = last - first + 1
            if size > MAX_FUNCTION:
                self.report(path, first, "function", name, f"{size} lines, at most {MAX_FUNCTION}")

    def check_header(self, path, text):
        layer = path.parts[2] if len(path.parts) > 3 else "core" if path.stem == "version" else "siokit"
        lines = text.split("\n")
        if len(lines) - 1 > MAX_LINES:
            size = f"{len(lines) - 1} lines, at most {MAX_LINES}"
            self.report(path, MAX_LINES, "lines", "-", size + ": it has become two headers")
        named = lines[0].startswith(f"// {path.relative_to('include')} - ")
        if not named or "SPDX-License-Identifier: MIT" not in " ".join(lines[:4]).replace(" // ", " "):
            self.report(path, 1, "opening", "-", "// siokit/... - what it is.   SPDX-License-Identifier: MIT")
        if "#pragma once" not in lines:
            self.report(path, 1, "opening", "-", "#pragma once")
        if layer not in self.layers:
            self.report(path, 1, "layer", layer, "a folder of include/siokit is a layer of CMakeLists.txt")
            return
        self.check_includes(path, layer, lines)
        code = strip(text)
        for layers, pattern, advice in BANNED:
            if layer in layers:
                for match in re.finditer(pattern, code):
                    word = re.sub(r"[\s({]+$", "", match.group())
                    self.report(path, code.count("\n", 0, match.start()) + 1, "banned", word, advice)
        for match in re.finditer(r"^[ \t]*#\s*define\s+(?!SIOKIT_)(\w+)", code, re.M):
            line = code.count("\n", 0, match.start()) + 1
            self.report(path, line, "macro", match.group(1), "a macro is named SIOKIT_...")

    def check_includes(self, path, layer, lines):
        for number, line in enumerate(lines, 1):
            match = re.match(r'\s*#\s*include\s*(?:"(.*?)"|<(.*?)>)', line)
            if match:
                advice = self.own(layer, match[1]) if match[1] else self.foreign(layer, match[2])
                if advice:
                    self.report(path, number, "include", match[1] or match[2], advice)

    def own(self, layer, name):
        target = re.match(r"siokit/(?:(\w+)/)?\w+\.hpp$", name)
        if not target or not (self.root / "include" / name).is_file():
            return 'no such header: "siokit/layer/header.hpp"'
        if target[1] and target[1] not in self.layers[layer][0]:
            return f"{layer} does not stand on {target[1]}: include downward only"
        return None

    def foreign(self, layer, name):
        if name in BANNED_HEADERS:
            return BANNED_HEADERS[name]
        if layer in PURE and name in BANNED_IN_PURE:
            return BANNED_IN_PURE[name]
        if name.startswith("siokit/"):
            return "own headers are included with quotes"
        if layer in PURE - {"json"} and re.search(r"[/.]", name) and name not in FOREIGN.get(layer, ()):
            return "pure layers include the standard library only"
        if name in {"asio.hpp", "asio/ssl.hpp"} or name.startswith("boost/asio"):
            return "include the parts of standalone Asio that are used"
        return None

    def check_lists(self):
        for path in sorted((self.root / "include/siokit").glob("*/*.hpp")):
            layer = path.parent.name
            if layer in self.layers and path.stem not in self.layers[layer][1]:
                advice = f"CMakeLists.txt: add {path.stem} to siokit_layer({layer} ...)"
                self.report(path.relative_to(self.root), 1, "unlisted", "-", advice)
        for path in sorted((self.root / "include/siokit").glob("*.hpp")):
            name = str(path.relative_to(self.root))
            if name not in (self.root / "CMakeLists.txt").read_text():
                self.report(name, 1, "unlisted", "-", f"CMakeLists.txt: add {name} to a layer")

    def find(self, path, pattern):
        file = self.root / path
        match = re.search(pattern, file.read_text(), re.M) if file.is_file() else None
        return ".".join(match.groups()) if match else "nothing"

    def check_versions(self):
        header = "include/siokit/version.hpp"
        port = "conformance/package/port/siokit/vcpkg.json"
        version = self.find(header, r"MAJOR (\d+)\n.*MINOR (\d+)\n.*PATCH (\d+)")
        for path, pattern in [
            (header, r'VERSION_STRING "(.+)"'),
            ("CMakeLists.txt", r"^project\(siokit VERSION ([\d.]+)"),
            ("vcpkg.json", r'"version-semver": "(.+)"'),
            (port, r'"version-semver": "(.+)"'),
            ("CHANGELOG.md", r"^## (\d\S+)"),
        ]:
            said = self.find(path, pattern)
            if said != version:
                self.report(path, 1, "version", "-", f"says {said}, the macros of {header} say {version}")

    def check_limits(self):
        """Each limit of SECURITY.md names tests that there are."""
        path = Path("SECURITY.md")
        if not (self.root / path).is_file():
            return
        tests = set()
        for source in (self.root / "conformance").rglob("*_test.cpp"):
            tests |= {".".join(found) for found in re.findall(r"^TEST(?:_[FP])?\((\w+), (\w+)\)",
                                                               source.read_text(), re.M)}
        within = False
        for number, line in enumerate((self.root / path).read_text().split("\n"), 1):
            within = line.startswith("|") and (within or line.endswith("| tests |"))
            if not within or line.endswith("| tests |") or line.startswith("|---"):
                continue
            named = re.findall(r"`([^`]+)`", line.split("|")[-2])
            for name in named or ["-"]:
                if name not in tests:
                    self.report(path, number, "limit", name, "name a test that shows the limit")

    def excuse(self):
        allow = Path("conformance/checks/allow.txt")
        text = (self.root / allow).read_text() if (self.root / allow).is_file() else ""
        for number, line in enumerate(text.split("\n"), 1):
            match = re.fullmatch(r"(\S+) (\S+) (.+?): (.+)", line)
            if not line or line.startswith("#"):
                continue
            kept = [f for f in self.findings if not match or (f[2], f[0], f[3]) != match.groups()[:3]]
            if len(kept) == len(self.findings):
                self.report(allow, number, "excuse", "-", "this line excuses nothing: remove it")
            else:
                self.findings = kept


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[2])
    findings = Tree(parser.parse_args().root).check()
    for path, line, rule, what, advice in sorted(findings):
        print(f"{path}:{line}: {rule}: " + (advice if what == "-" else f"{what}: {advice}"))
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Compiles every header alone with MinGW-w64, after <windows.h> and its macros. Nothing is linked or run.

    windows_headers.py COMPILER LAYER...

The dependencies are those of this machine: their headers are linked into a folder of their own, because the
system's folder as a whole would hide the headers of Windows.
"""
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FLAGS = ["-std=c++20", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror", "-fsyntax-only",
         "-DASIO_STANDALONE", "-DASIO_NO_DEPRECATED", "-D_WIN32_WINNT=0x0A00", f"-I{ROOT / 'include'}"]
SYSTEM = Path("/usr/include")
PREFIXES = [SYSTEM, *SYSTEM.glob("*-linux-gnu"), Path("/usr/share/include/llhttp")]
WANTED = ["tl", "asio", "asio.hpp", "openssl", "zlib.h", "zconf.h", "nlohmann", "llhttp.h", "nghttp2"]


def dependencies(folder):
    for prefix in PREFIXES:
        for name in WANTED:
            found = prefix / name
            for file in [found] if found.is_file() else found.rglob("*") if found.is_dir() else []:
                target = folder / file.relative_to(prefix)
                target.parent.mkdir(parents=True, exist_ok=True)
                if file.is_file() and not target.exists():
                    target.symlink_to(file)


def main():
    compiler, *layers = sys.argv[1:]
    folders = [ROOT / "include/siokit" / layer for layer in layers]
    headers = sorted(header for folder in folders for header in folder.glob("*.hpp")
                     if header.name != "http2.hpp" or "http2" in layers)
    with tempfile.TemporaryDirectory() as folder:
        dependencies(Path(folder))

        def compile_it(header):
            sockets = "#include <winsock2.h>\n" if header.parent.name == "net" else ""  # so Asio wants it
            text = f'{sockets}#include <windows.h>\n#include "{header.relative_to(ROOT / "include")}"\n'
            command = [compiler, *FLAGS, "-isystem", folder, "-x", "c++", "-"]
            return header, subprocess.run(command, input=text, capture_output=True, text=True)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            failed = [(header, done) for header, done in pool.map(compile_it, headers) if done.returncode]
    for header, done in failed:
        errors = re.findall(r"^.*error.*$", done.stderr, re.M)
        print(header.relative_to(ROOT), *errors[:5], sep="\n    ")
    print(f"{len(headers) - len(failed)} of {len(headers)} headers compile after <windows.h>")
    sys.exit(1 if failed or not headers else 0)


if __name__ == "__main__":
    main()

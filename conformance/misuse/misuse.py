#!/usr/bin/env python3
"""Compiles FILE twice: as it is, which must fail with the message that its first line names, and with RIGHT
defined, which must compile: so it fails for the reason given and for no other.

    misuse.py FILE COMPILER [FLAG...]

The first line of FILE: `// What is wrong.   error: <regex>`
"""
import os
import re
import subprocess
import sys

file, *compiler = sys.argv[1:]
with open(file, encoding="utf-8") as source:
    expected = re.search(r"   error: (.*)", source.readline())[1]


def compile_it(*flags):
    command = [*compiler, "-Wall", "-Wextra", "-Werror", "-fsyntax-only", *flags, file]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
    return done.returncode == 0, done.stderr


right, messages = compile_it("-DRIGHT")
if not right:
    sys.exit(f"the right way must compile:\n{messages}")
wrong, messages = compile_it()
if wrong:
    sys.exit("it must not compile, but does")
if not re.search(expected, messages):
    sys.exit(f"it fails, but not with `{expected}`:\n{messages}")

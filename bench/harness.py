"""What benchmarks of whole servers share: processes, each on its CPU, and where a result came from."""
import datetime
import os
import pathlib
import platform
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
CPUS = sorted(os.sched_getaffinity(0))
SERVER_CPU, LOAD_CPU = CPUS[0], CPUS[-1]  # far apart: neighbours may share a core
SIOKIT = "reference-server/siokit-server"


class Failure(Exception):
    """Of a process that is measured or measures."""


def pinned(cpus, command, **options):
    """A process on these CPUs, in the root of the tree."""
    return subprocess.Popen([str(word) for word in command], cwd=ROOT, text=True,
                            preexec_fn=lambda: os.sched_setaffinity(0, cpus), **options)


class Server:
    """A process on the first CPU, or on others, ready when it has said where it listens."""

    def __init__(self, command, cpus=(SERVER_CPU,)):
        self.log = tempfile.TemporaryFile("w+")
        self.process = pinned(cpus, command, stdout=self.log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 20
        while not (found := re.search(r"http://127\.0\.0\.1:(\d+)", self.output())):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.end()
                raise Failure(f"{command[0]} does not listen: {self.output()}")
            time.sleep(0.02)
        self.port = found[1]

    def output(self):
        self.log.seek(0)
        return self.log.read()

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


def begin(build, *programs):
    """What every harness does first. Ends the program, in one line, where it cannot work."""
    if len(CPUS) < 2:
        sys.exit("needs two CPUs: one for the server, one for the load")
    for program in programs:
        if not (build / program).exists():
            sys.exit(f"{build / program} is not there; `make bench-programs` builds it")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    for number in (signal.SIGINT, signal.SIGTERM):  # so that processes end with it
        signal.signal(number, lambda *_: sys.exit("interrupted"))


def version(*command):
    """The first line that a program says. None: there is none, or it fails."""
    try:
        said = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return next(iter(said.stdout.strip().splitlines()), None)


def commit():
    return version("git", "-C", ROOT, "describe", "--always", "--dirty") or "not of a git repository"


def compiler(build):
    cache = build / "CMakeCache.txt"
    known = dict(re.findall(r"^(\w+):\w+=(.*)$", cache.read_text(), re.M)) if cache.exists() else {}
    kind = known.get("CMAKE_BUILD_TYPE") or "unknown"
    return f"{version(known.get('CMAKE_CXX_COMPILER', 'c++'), '--version') or 'unknown'}, {kind} build"


def facts(build):
    """name -> text: what each result says of the machine and the build."""
    model = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {"date": str(datetime.date.today()), "commit": commit(),
            "machine": f"{len(CPUS)} x {model[1] if model else platform.machine()}, {memory:.0f} GiB",
            "kernel": f"{platform.system()} {platform.release()}", "compiler": compiler(build)}


class Others:
    """How much of the CPUs was used by what is not of this program, since it was made."""

    def __init__(self):
        self.before = self.now()

    @staticmethod
    def now():
        """Seconds: the clock, all work on the CPUs, that of our processes which have ended."""
        lines = re.findall(r"^cpu(\d+) (\d+) (\d+) (\d+) \d+ \d+ (\d+) (\d+) (\d+)",
                           pathlib.Path("/proc/stat").read_text(), re.M)
        ticks = sum(sum(map(int, times)) for cpu, *times in lines if int(cpu) in CPUS)
        own = [resource.getrusage(who) for who in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF)]
        return (time.monotonic(), ticks / os.sysconf("SC_CLK_TCK"),
                sum(each.ru_utime + each.ru_stime for each in own))

    def share(self):
        span, work, own = (now - before for now, before in zip(self.now(), self.before))
        return max(0, work - own) / span / len(CPUS)


def line_of(cells):
    """Of a table in Markdown."""
    return "| " + " | ".join(cells) + " |"


def table(columns, lines):
    return "\n".join([line_of(columns), "|---" * len(columns) + "|", *map(line_of, lines)])

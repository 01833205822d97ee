# make serve | test | test-<preset> | test-all | conformance | soak | fuzz | bench[-check|-connections|-flame|-micro] | lint | format | deps | clean   (see CONTRIBUTING.md)

JOBS ?= $(shell nproc)
PORT ?=
ARGS ?=
export CMAKE_C_COMPILER_LAUNCHER ?= $(shell command -v ccache)
export CMAKE_CXX_COMPILER_LAUNCHER ?= $(shell command -v ccache)

SERVE_PACKAGES = g++ cmake ninja-build libexpected-dev libasio-dev libssl-dev zlib1g-dev node-llhttp \
  libnghttp2-dev nlohmann-json3-dev libcli11-dev libspdlog-dev libedit-dev \
  libsqlitecpp-dev libcpp-jwt-dev libhiredis-dev librabbitmq-dev libcrypt-dev
NODE_PACKAGES = $(if $(shell command -v node),,nodejs npm)
TEST_PACKAGES = $(SERVE_PACKAGES) libgtest-dev libbenchmark-dev libboost-json1.81-dev libuv1-dev libwebsockets-dev openssl \
  redis-server rabbitmq-server chromium python3 python3-pip ccache clang-format-14 clang-tidy-14 $(NODE_PACKAGES)
BENCH_PACKAGES = valgrind
ALL_PACKAGES = clang-14 libclang-rt-14-dev g++-mingw-w64-x86-64
# For the clients that CLIENTS names; others take part if what they need is there.
comma = ,
wants = $(if $(filter $(1) all,$(subst $(comma), ,$(CLIENTS))),$(2))
CONFORMANCE_PACKAGES = $(NODE_PACKAGES) $(call wants,python,python3-pip) $(call wants,java,maven default-jdk-headless) \
  $(call wants,browser,chromium)
OFFICIAL = conformance/official
PEERS = bench/peers
PLOTTER = build/bench/python/.installed
PRESETS = release debug asan-ubsan tsan core-noexcept clang
SOURCES = $(shell find include conformance reference-server reference-client bench -name node_modules -prune \
  -o -name '*.[ch]pp' -print 2>/dev/null | sort)

install = $(if $(or $(filter no,$(DEPS)),$(if $(strip $(1)),,no)),,@conformance/checks/packages.sh $(1))

.PHONY: serve test test-all test-long test-conformance $(PRESETS:%=test-%) conformance conformance-server soak fuzz lint format
.PHONY: bench bench-check bench-flame bench-connections bench-micro bench-programs bench-peers
.PHONY: deps deps-serve deps-test deps-all deps-bench deps-conformance clean
.NOTPARALLEL:

serve: deps-serve
	cmake --preset serve
	cmake --build --preset serve
	build/serve/reference-server/siokit-server $(if $(PORT),--port $(PORT)) $(ARGS)

test: test-release test-asan-ubsan

test-all: deps deps-all
	conformance/checks/steps.sh lint $(filter-out test-debug,$(PRESETS:%=test-%)) test-long test-conformance fuzz

$(PRESETS:%=test-%): test-%: deps
	cmake --preset $*
	cmake --build --preset $* --parallel $(JOBS)
	ctest --preset $* --parallel $(JOBS)

test-clang test-long: deps-all
test-long: deps
	cmake --preset release
	cmake --build --preset release --parallel $(JOBS)
	ctest --preset long

# URL=<a server that runs> or SERVER=official, else ours; CLIENTS=4.8,python or all; REPORT=<folder>: docs/conformance.md
conformance: deps-conformance $(OFFICIAL)/node_modules/.package-lock.json
conformance: $(if $(URL)$(SERVER)$(SIOKIT_SERVER),,conformance-server)
	@cd $(OFFICIAL) && SIOKIT_SERVER=$(or $(SIOKIT_SERVER),$(CURDIR)/build/release/reference-server/siokit-server) \
	  $(if $(SERVER),SERVER=$(SERVER)) CLIENTS=$(CLIENTS) \
	  node conformance.mjs $(URL) $(if $(REPORT),--report $(abspath $(REPORT))) $(ARGS)

conformance-server: deps
	cmake --preset release
	cmake --build --preset release --parallel $(JOBS) --target siokit-server

test-conformance:
	$(MAKE) --no-print-directory conformance CLIENTS=all REPORT=build/conformance

# SECONDS_EACH: how long for a target; ARGS: names of targets, --keep.
SECONDS_EACH ?= 60
fuzz: deps deps-all
	cmake --preset fuzz
	cmake --build --preset fuzz --parallel $(JOBS)
	python3 conformance/fuzz/fuzz.py build/fuzz/conformance $(SECONDS_EACH) $(ARGS)

# SEEDS: how many stories; FROM: the seed of the first one.
SEEDS ?= 100000
FROM ?= 1
soak: deps
	cmake --preset release
	cmake --build --preset release --parallel $(JOBS) --target siokit-soak sim-replay
	SIOKIT_COMMIT=$$(git rev-parse --short HEAD 2>/dev/null) build/release/conformance/siokit-soak $(FROM) $(SEEDS)

# Side by side with other servers: table, results and plots in build/bench; ARGS: bench/compare.py --help.
bench: bench-programs bench-peers $(PLOTTER)
	bench/compare.py build/release --out build/bench --plots build/bench $(ARGS)

# Where the time of one row goes, as SVG in build/bench; ARGS: bench/flame.py --help. Wants perf.
bench-flame: bench-programs
	bench/flame.py build/release $(ARGS)

# Times of the micro-benchmarks; ARGS: bench-micro --help.
bench-micro: bench-programs
	build/release/bench/bench-micro $(ARGS)

# Instructions of the micro-benchmarks beside those of bench/instructions.json; ARGS=--write replaces these.
bench-check: bench-programs
	bench/instructions.py build/release/bench/bench-micro bench/instructions.json $(ARGS)

# How cost grows with the number of connections, and of sessions without; ARGS: bench/connections.py --help.
bench-connections: bench-programs $(PLOTTER)
	bench/connections.py build/release $(ARGS)

bench-programs: deps-test deps-bench
	cmake --preset release
	cmake --build --preset release --parallel $(JOBS) --target siokit-server \
	  $(addprefix bench-,micro floor load connections sessions)

# Who can't be had is left out.
bench-peers:
	@$(MAKE) --no-print-directory $(PEERS)/node_modules/.package-lock.json || echo "the official server is left out: npm fails"
	cargo build --release --quiet --manifest-path $(PEERS)/socketioxide/Cargo.toml \
	  --target-dir build/bench/socketioxide || echo "socketioxide is left out: it wants cargo 1.85 and crates"

lint: deps
	@conformance/checks/format.sh $(SOURCES)
	cmake --preset lint
	cmake --build build/lint --target all_verify_interface_header_sets --parallel $(JOBS)
	run-clang-tidy-14 -quiet -extra-arg=-Wno-unknown-warning-option -j $(JOBS) -p build/lint -extra-arg=-Wno-unknown-warning-option \
	  'conformance/checks/odr/two|reference-(server|client)/'

format:
	clang-format-14 -i $(SOURCES)

# What is needed to build; DEPS=no skips it.
deps-serve:
	$(call install,$(SERVE_PACKAGES))

deps-test:
	$(call install,$(TEST_PACKAGES))

deps-all:
	$(call install,$(ALL_PACKAGES))

deps-bench:
	$(call install,$(BENCH_PACKAGES))

deps-conformance:
	$(call install,$(CONFORMANCE_PACKAGES))

deps: deps-test $(OFFICIAL)/node_modules/.package-lock.json

$(OFFICIAL)/node_modules/.package-lock.json: $(OFFICIAL)/package-lock.json | deps-conformance
	cd $(OFFICIAL) && npm ci --no-audit --no-fund
	touch $@

$(PLOTTER): bench/requirements.txt
	python3 -m pip install --quiet --upgrade --target $(@D) -r $<
	touch $@

$(PEERS)/node_modules/.package-lock.json: $(PEERS)/package-lock.json
	cd $(PEERS) && npm ci --no-audit --no-fund
	touch $@

clean:
	rm -rf build

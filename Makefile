# The short way to everything; the build itself is CMake's (CMakeLists.txt).
#
#   make quickstart   install what is missing, build, train a small net, say where its curves are
#   make test         install what the tests need, build, run every test
#   make install      install to PREFIX (default /usr/local)
#   make lint format bench sanitize fuzz-smoke clean
#
# BUILD=folder (build)  JOBS=n (processors)  WERROR=ON (warnings are errors)  CMAKE_FLAGS=...  SKIP_DEPS=1 (no packages)

BUILD       ?= build
JOBS        ?= $(shell nproc 2>/dev/null || echo 2)
WERROR      ?= OFF
PREFIX      ?= /usr/local
CMAKE_FLAGS ?=
FUZZ_SECONDS ?= 300

CONFIGURE = cmake -S . -DATHANOR_WERROR=$(WERROR) -DCMAKE_INSTALL_PREFIX=$(PREFIX) $(CMAKE_FLAGS)
COMPILE   = cmake --build
PROGRAM   = $(BUILD)/athanor
QUICKRUN  = runs/quickstart

.PHONY: all build quickstart test install lint format bench sanitize fuzz-smoke clean deps-build deps-test deps-lint

all: build

deps-build deps-test deps-lint:
	@$(if $(SKIP_DEPS),true,tools/install_deps $(@:deps-%=%))

build: deps-build
	@$(CONFIGURE) -B $(BUILD) >$(BUILD).log 2>&1 || { cat $(BUILD).log; exit 1; }
	@$(COMPILE) $(BUILD) -j $(JOBS)

quickstart: deps-build
	@echo "Building ..."
	@{ $(CONFIGURE) -B $(BUILD) && $(COMPILE) $(BUILD) -j $(JOBS) --target athanor_program; } >$(BUILD).log 2>&1 || { cat $(BUILD).log; exit 1; }
	@echo "Training LeNet-5 on generated digits ..."
	@$(PROGRAM) train recipe=digits/quickstart out=$(QUICKRUN) overwrite=true
	@echo
	@echo "Evaluating the best model on the validation images ..."
	@$(PROGRAM) eval run=$(QUICKRUN)
	@tools/show_run $(QUICKRUN)

test: deps-test
	@$(CONFIGURE) -B $(BUILD) -DATHANOR_TESTS=ON >$(BUILD).log 2>&1 || { cat $(BUILD).log; exit 1; }
	@$(COMPILE) $(BUILD) -j $(JOBS)
	@cd $(BUILD) && ctest --output-on-failure

install: build
	cmake --install $(BUILD)

lint: deps-lint
	@tools/lint

format: deps-lint
	find src include tests bench examples -name '*.[ch]' | xargs clang-format -i

bench: deps-build
	@$(CONFIGURE) -B $(BUILD) >$(BUILD).log 2>&1 || { cat $(BUILD).log; exit 1; }
	@$(COMPILE) $(BUILD) -j $(JOBS) --target athanor_program benchmarks
	@tools/bench $(BUILD)

sanitize: deps-test
	@$(CONFIGURE) -B $(BUILD)-asan -DATHANOR_TESTS=ON -DCMAKE_BUILD_TYPE=Debug -DATHANOR_CUDA=OFF -DATHANOR_SANITIZE=address,undefined >/dev/null
	@$(COMPILE) $(BUILD)-asan -j $(JOBS)
	@cd $(BUILD)-asan && ctest --output-on-failure -L fast

fuzz-smoke: deps-lint
	@$(CONFIGURE) -B $(BUILD)-fuzz -DATHANOR_TESTS=OFF -DATHANOR_CUDA=OFF -DATHANOR_FUZZ=ON -DCMAKE_C_COMPILER=clang >/dev/null
	@$(COMPILE) $(BUILD)-fuzz -j $(JOBS) --target fuzzers
	@tools/fuzz_smoke $(BUILD)-fuzz $(FUZZ_SECONDS)

clean:
	rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-tsan $(BUILD)-fuzz $(BUILD)-clang $(BUILD).log

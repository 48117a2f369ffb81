# SPDX-License-Identifier: GPL-2.0-or-later
# Tests, and the demonstration. What needs packages runs in a second make, after they are there.

UNIT_SOURCES  := $(sort $(wildcard tests/unit/test-*.c))
UNIT_PROGRAMS := $(UNIT_SOURCES:%.c=$(BUILD)/%)
UNIT_SHARED   := $(patsubst %.c,$(BUILD)/%.o,tests/unit/records.c tests/unit/world.c)
FUZZ_SOURCES  := $(sort $(wildcard tests/fuzz/fuzz-*.c))
FUZZ_PROGRAMS := $(FUZZ_SOURCES:%.c=$(BUILD)/%)
FUZZ_OBJECTS  := $(patsubst %.c,$(BUILD)/fuzz/%.o,$(LIB_SOURCES) $(filter-out cli/main.c,$(CLI_SOURCES)))

$(BUILD)/tests/unit/test-%: $(BUILD)/tests/unit/test-%.o $(UNIT_SHARED) $(BUILD)/cli.a $(BUILD)/libcxlirqd.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(DAEMON_LIBS) $(CLIENT_LIBS) -lcmocka

# the client without its main, for tests
$(BUILD)/cli.a: $(filter-out $(BUILD)/cli/main.o,$(CLI_OBJECTS))
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

BENCH_PROGRAMS := $(BUILD)/tests/bench/chain
.SECONDARY: $(BENCH_PROGRAMS:=.o)
$(BUILD)/tests/bench/%: $(BUILD)/tests/bench/%.o $(BUILD)/libcxlirqd.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(DAEMON_LIBS)

# libFuzzer comes with clang: all sources once more, so that it sees which way an input takes. With
# FUZZ_FLAGS of its own "make fuzz" builds them a third time, to count the lines that were reached.
FUZZ_FLAGS ?= -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
FUZZ_CLANG := $(CLANG) $(ALL_CFLAGS) -Icli -Itests/fuzz -DFUZZ_DATA='"$(abspath tests/data)"' $(FUZZ_FLAGS)
$(BUILD)/fuzz/%.o: %.c | $(BUILD)/cxlirqd.skel.h $(BUILD)/guard.skel.h $(BUILD)/io.cxlirqd.varlink.h $(BUILD)/page-files.h $(BUILD)/completion-files.h
	$(call say,FUZZ,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(FUZZ_CLANG) -fsanitize=fuzzer-no-link -MMD -MP -c $< -o $@

$(BUILD)/fuzz/cxlirq.a: $(FUZZ_OBJECTS)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/tests/fuzz/fuzz-%: $(BUILD)/fuzz/tests/fuzz/fuzz-%.o $(BUILD)/fuzz/cxlirq.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(FUZZ_CLANG) -fsanitize=fuzzer -o $@ $^ $(DAEMON_LIBS) $(CLIENT_LIBS)

.PRECIOUS: $(BUILD)/fuzz/%.o

unit-programs: $(UNIT_PROGRAMS)
fuzz-programs: $(FUZZ_PROGRAMS)
bench-programs: $(BENCH_PROGRAMS)

# a daemon whose programs write records of another version, to follow this one and to be followed
next:
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/next EXTRA=-DRECORD_VERSION=2 CFLAGS=-O1 $(BUILD)/next/cxlirqd

# Each target this long, as many at once as there are processors; then what of the parsers was reached.
FUZZ_SECONDS ?= 600
fuzz:
	@tests/packages.sh build check
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/san fuzz-programs
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/cov CFLAGS='-O1 -g' \
	  FUZZ_FLAGS='-fprofile-instr-generate -fcoverage-mapping' fuzz-programs
	$(Q)SANITIZED=$(BUILD)/san CLANG=$(CLANG) tests/fuzz/test-fuzz.py --seconds $(FUZZ_SECONDS) --jobs $$(nproc) \
	  --corpus $(BUILD)/corpus --coverage $(BUILD)/cov/tests/fuzz

packages:
	@tests/packages.sh build check vm arm64 export package system

# SUITES="unit/* vm/bench" runs some of them; check-matrix: every kernel and guest, too
check-matrix: MATRIX = --matrix
check check-matrix: packages
	$(Q)$(MAKE) --no-print-directory WERROR=1 all bench-programs
	$(Q)sysroot=$$(tests/vm/sysroot.sh arm64) && $(MAKE) --no-print-directory WERROR=1 \
	  BUILD=$(BUILD)/arm64 CROSS_COMPILE=aarch64-linux-gnu- SYSROOT="$$sysroot" all
	$(Q)$(MAKE) --no-print-directory next
	$(Q)$(MAKE) --no-print-directory WERROR=1 SANITIZE=1 BUILD=$(BUILD)/san all unit-programs fault-programs
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/san fuzz-programs
	$(Q)tests/run.py --build $(BUILD) $(MATRIX) $(SUITES)

# every call fails once, on every way through the programs and in every unit test
fault:
	@tests/packages.sh build check
	$(Q)$(MAKE) --no-print-directory WERROR=1 SANITIZE=1 BUILD=$(BUILD)/san all fault-programs fault-units
	$(Q)BUILD=$(BUILD) tests/fault/test-fault.py --all

# what it costs, beside what others cost: ROWS="idle scrape" measures some of it, IDLE=SECONDS
bench:
	@tests/packages.sh build vm export bench
	$(Q)$(MAKE) --no-print-directory all bench-programs
	$(Q)BUILD=$(BUILD) tests/bench/bench.py $(if $(IDLE),--idle $(IDLE)) $(ROWS)

lint:
	@tests/packages.sh build check
	$(Q)tests/run.py --build $(BUILD) 'check/*'

demo demo-shell:
	@tests/packages.sh build vm
	$(Q)$(MAKE) --no-print-directory all
	$(Q)BUILD=$(BUILD) tests/vm/$@.sh

# The programs, and what the unit tests test, with each call that may fail replaced by one that can be
# made to (tests/fault/fault.c): copies of the archives, whose code is in sections of its own.
OBJCOPY       ?= $(CROSS_COMPILE)objcopy
FAULT         := $(BUILD)/tests/fault
FAULT_UNITS   := $(UNIT_SOURCES:tests/unit/%.c=$(FAULT)/unit/%)
FAULT_PROGRAMS := $(FAULT)/cxlirqd $(FAULT)/cxlirqctl $(FAULT)/kept
FAULT_ARCHIVES := $(FAULT)/copy/cli.a $(FAULT)/copy/libcxlirqd.a

$(FAULT)/calls: $(FAULT)/fault.o
	$(Q)nm --defined-only $< | sed -n 's/.* T fault_\(.*\)/\1 fault_\1/p' > $@

$(FAULT)/copy/%: $(BUILD)/% $(FAULT)/calls
	$(call say,COPY,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(OBJCOPY) --redefine-syms=$(FAULT)/calls --rename-section .text=own_text --rename-section .text.startup=own_text \
	  --rename-section .text.unlikely=own_cold $< $@

fault_link = $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(DAEMON_LIBS) $(CLIENT_LIBS)
$(FAULT)/cxlirqd: $(FAULT)/fault.o $(FAULT)/copy/daemon/main.o $(FAULT)/copy/libcxlirqd.a
	$(call say,LD,$@)
	$(Q)$(fault_link)

$(FAULT)/cxlirqctl: $(FAULT)/fault.o $(FAULT)/copy/cli/main.o $(FAULT_ARCHIVES)
	$(call say,LD,$@)
	$(Q)$(fault_link)

$(FAULT)/kept: $(FAULT)/fault.o $(FAULT)/kept.o $(FAULT)/copy/libcxlirqd.a
	$(call say,LD,$@)
	$(Q)$(fault_link)

$(FAULT)/unit/test-%: $(BUILD)/tests/unit/test-%.o $(UNIT_SHARED) $(FAULT)/fault.o $(FAULT)/unit.o $(FAULT_ARCHIVES)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(fault_link) -lcmocka

fault-programs: $(FAULT_PROGRAMS)
fault-units: $(FAULT_UNITS)
# made once for two programs each
.SECONDARY: $(UNIT_SOURCES:%.c=$(BUILD)/%.o) $(FAULT_ARCHIVES) $(FAULT)/copy/daemon/main.o $(FAULT)/copy/cli/main.o

.PHONY: unit-programs fuzz-programs fuzz fault-programs fault-units fault bench-programs bench next packages check \
  check-matrix lint demo demo-shell
-include $(UNIT_PROGRAMS:=.d) $(BENCH_PROGRAMS:=.d) $(FUZZ_OBJECTS:.o=.d) $(FUZZ_SOURCES:%.c=$(BUILD)/fuzz/%.d)

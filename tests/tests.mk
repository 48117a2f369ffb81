# SPDX-License-Identifier: GPL-2.0-or-later
# Tests, and the demonstration. What needs packages runs in a second make, after they are there.

UNIT_SOURCES  := $(sort $(wildcard tests/unit/test-*.c))
UNIT_PROGRAMS := $(UNIT_SOURCES:%.c=$(BUILD)/%)
UNIT_SHARED   := $(patsubst %.c,$(BUILD)/%.o,tests/unit/records.c tests/unit/world.c)
FUZZ_SOURCES  := $(sort $(wildcard tests/fuzz/fuzz-*.c))
FUZZ_PROGRAMS := $(FUZZ_SOURCES:%.c=$(BUILD)/%)

$(BUILD)/tests/unit/test-%: $(BUILD)/tests/unit/test-%.o $(UNIT_SHARED) $(BUILD)/cli.a $(BUILD)/libcxlirqd.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(DAEMON_LIBS) $(CLIENT_LIBS) -lcmocka

# the client without its main, for tests
$(BUILD)/cli.a: $(filter-out $(BUILD)/cli/main.o,$(CLI_OBJECTS))
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# libFuzzer comes with clang: all sources again, in one go
$(BUILD)/tests/fuzz/fuzz-%: tests/fuzz/fuzz-%.c $(LIB_SOURCES) | $(BUILD)/cxlirqd.skel.h $(BUILD)/io.cxlirqd.varlink.h $(BUILD)/page-files.h
	$(call say,FUZZ,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(ALL_CFLAGS) -fsanitize=fuzzer,address,undefined -o $@ $< $(LIB_SOURCES) $(DAEMON_LIBS)

unit-programs: $(UNIT_PROGRAMS)
fuzz-programs: $(FUZZ_PROGRAMS)

# a daemon whose programs write records of another version, to follow this one and to be followed
next:
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/next EXTRA=-DRECORD_VERSION=2 CFLAGS=-O1 $(BUILD)/next/cxlirqd

packages:
	@tests/packages.sh build check vm arm64 export package system

# SUITES="unit/* vm/bench" runs some of them
check: packages
	$(Q)$(MAKE) --no-print-directory WERROR=1 all
	$(Q)sysroot=$$(tests/vm/sysroot.sh arm64) && $(MAKE) --no-print-directory WERROR=1 \
	  BUILD=$(BUILD)/arm64 CROSS_COMPILE=aarch64-linux-gnu- SYSROOT="$$sysroot" all
	$(Q)$(MAKE) --no-print-directory next
	$(Q)$(MAKE) --no-print-directory WERROR=1 SANITIZE=1 BUILD=$(BUILD)/san all unit-programs
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/san fuzz-programs
	$(Q)tests/run.py --build $(BUILD) $(SUITES)

lint:
	@tests/packages.sh build check
	$(Q)tests/run.py --build $(BUILD) 'check/*'

demo demo-shell:
	@tests/packages.sh build vm
	$(Q)$(MAKE) --no-print-directory all
	$(Q)BUILD=$(BUILD) tests/vm/$@.sh

.PHONY: unit-programs fuzz-programs next packages check lint demo demo-shell
-include $(UNIT_PROGRAMS:=.d)

# SPDX-License-Identifier: GPL-2.0-or-later
# make            the two programs, in build/
# make check      every test; make demo, make demo-shell: a virtual CXL host
# For another architecture: CROSS_COMPILE=aarch64-linux-gnu- SYSROOT=DIR BUILD=build/arm64, where DIR
# holds its libraries (tests/vm/sysroot.sh makes one).
# V=1 shows commands, WERROR=1 makes warnings errors, SANITIZE=1 builds with ASan and UBSan.

PREFIX     ?= /usr/local
SBINDIR    ?= $(PREFIX)/sbin
BINDIR     ?= $(PREFIX)/bin
MANDIR     ?= $(PREFIX)/share/man
LIBDIR     ?= $(PREFIX)/lib
UNITDIR    ?= $(LIBDIR)/systemd/system
DESTDIR    ?=
BUILD      ?= build
CROSS_COMPILE ?=
SYSROOT    ?=
CC         ?= gcc
CLANG      ?= clang
BPFTOOL    ?= $(firstword $(shell command -v bpftool) /usr/sbin/bpftool)
PKG_CONFIG ?= pkg-config
CFLAGS     ?= -O2 -g
VERSION    := 0.1

ifneq ($(CROSS_COMPILE),)
CC         := $(CROSS_COMPILE)gcc
AR         := $(CROSS_COMPILE)ar
endif
MACHINE    := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine 2>/dev/null)))
MULTIARCH  := $(shell $(CC) -print-multiarch 2>/dev/null)
BPF_ARCH   ?= $(if $(filter aarch64,$(MACHINE)),arm64,x86)
ifneq ($(SYSROOT),)
CC         += --sysroot=$(SYSROOT)
PKG_CONFIG := PKG_CONFIG_SYSROOT_DIR=$(SYSROOT) \
	PKG_CONFIG_LIBDIR=$(SYSROOT)/usr/lib/$(MULTIARCH)/pkgconfig:$(SYSROOT)/usr/share/pkgconfig $(PKG_CONFIG)
endif

LIBRARIES  := libbpf libsystemd jansson libcap libpci inih sqlite3 smartcols
# these install what is missing first, and build in a second make
FIRST_GOALS := clean packages check lint demo demo-shell
ifeq ($(filter $(FIRST_GOALS),$(MAKECMDGOALS)),)
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(LIBRARIES))
DAEMON_LIBS := $(shell $(PKG_CONFIG) --libs libbpf libsystemd jansson libcap libpci inih sqlite3)
CLIENT_LIBS := $(shell $(PKG_CONFIG) --libs libsystemd jansson smartcols)
endif

ALL_CFLAGS := -std=gnu11 -D_GNU_SOURCE -DCXLIRQD_VERSION='"$(VERSION)"' -Wall -Wextra -Wmissing-prototypes \
	-Wstrict-prototypes -fno-common -I. -Iinclude -Idaemon -I$(BUILD) $(PKG_CFLAGS) $(CFLAGS)
ifeq ($(WERROR),1)
ALL_CFLAGS += -Werror
endif
ifeq ($(SANITIZE),1)
ALL_CFLAGS += -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
LDFLAGS += -fsanitize=address,undefined
endif

# headers hold static functions, of which each file uses some
BPF_CFLAGS := -g -O2 -target bpf -D__TARGET_ARCH_$(BPF_ARCH) -Iinclude -Ibpf \
	$(if $(SYSROOT),--sysroot=$(SYSROOT)) $(if $(MULTIARCH),-I$(SYSROOT)/usr/include/$(MULTIARCH)) -Wall -Wextra -Wno-unused-parameter \
	-Wno-unused-function -Wno-missing-field-initializers $(if $(filter 1,$(WERROR)),-Werror)

Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),@:,@printf '  %-7s %s\n' $(1) $(2))

# maps and knobs first: the linker of libbpf 1.1 places a map wrongly that is used before it is defined
BPF_SOURCES := bpf/cxlirqd.bpf.c $(filter-out bpf/cxlirqd.bpf.c,$(sort $(wildcard bpf/*.bpf.c)))
BPF_OBJECTS := $(BPF_SOURCES:bpf/%.bpf.c=$(BUILD)/bpf/%.bpf.o)
LIB_SOURCES := $(filter-out daemon/main.c,$(sort $(wildcard daemon/*.c)))
LIB_OBJECTS := $(LIB_SOURCES:%.c=$(BUILD)/%.o)
CLI_SOURCES := $(sort $(wildcard cli/*.c))
CLI_OBJECTS := $(CLI_SOURCES:%.c=$(BUILD)/%.o)
MAN_PAGES   := $(sort $(wildcard man/*.[1-8]))

all: $(BUILD)/cxlirqd $(BUILD)/cxlirqctl

$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c
	$(call say,BPF,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/cxlirqd.bpf.o: $(BPF_OBJECTS)
	$(call say,BPFLINK,$@)
	$(Q)$(BPFTOOL) gen object $@ $^

$(BUILD)/cxlirqd.skel.h: $(BUILD)/cxlirqd.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name cxlirqd_bpf > $@.tmp && mv $@.tmp $@

$(BUILD)/io.cxlirqd.varlink.h: include/cxlirqd/io.cxlirqd.varlink
	$(call say,TEXT,$@)
	$(Q)mkdir -p $(@D)
	$(Q){ echo 'static const char io_cxlirqd_varlink[] ='; \
	  sed -e 's/[\\"]/\\&/g' -e 's/.*/"&\\n"/' $<; echo ';'; } > $@.tmp && mv $@.tmp $@

$(BUILD)/daemon/probe.o: | $(BUILD)/cxlirqd.skel.h
$(BUILD)/daemon/sink-varlink.o: | $(BUILD)/io.cxlirqd.varlink.h

$(BUILD)/%.o: %.c
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/libcxlirqd.a: $(LIB_OBJECTS)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/cxlirqd: $(BUILD)/daemon/main.o $(BUILD)/libcxlirqd.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(DAEMON_LIBS)

$(BUILD)/cxlirqctl: $(CLI_OBJECTS) $(BUILD)/libcxlirqd.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(CLIENT_LIBS)

include tests/tests.mk

install: all
	install -Dm755 $(BUILD)/cxlirqd $(DESTDIR)$(SBINDIR)/cxlirqd
	install -Dm755 $(BUILD)/cxlirqctl $(DESTDIR)$(BINDIR)/cxlirqctl
	install -Dm644 units/cxlirqd.conf $(DESTDIR)$(LIBDIR)/cxlirqd/cxlirqd.conf
	install -Dm644 include/cxlirqd/io.cxlirqd.varlink $(DESTDIR)$(PREFIX)/share/cxlirqd/io.cxlirqd.varlink
	install -Dm644 units/cxlirqd.catalog $(DESTDIR)$(LIBDIR)/systemd/catalog/cxlirqd.catalog
	install -d $(DESTDIR)$(UNITDIR)
	sed 's|@SBINDIR@|$(SBINDIR)|' units/cxlirqd.service.in > $(DESTDIR)$(UNITDIR)/cxlirqd.service
	for page in $(MAN_PAGES); do \
	  install -Dm644 $$page $(DESTDIR)$(MANDIR)/man$${page##*.}/$${page##*/} || exit 1; done

clean:
	rm -rf $(BUILD)

.PHONY: all install clean
.DELETE_ON_ERROR:

-include $(BPF_OBJECTS:.o=.d) $(LIB_OBJECTS:.o=.d) $(CLI_OBJECTS:.o=.d) $(BUILD)/daemon/main.d

# SPDX-License-Identifier: GPL-2.0-or-later
# make            the two programs, in build/
# make check      every test (check-matrix: on every kernel); make demo, make demo-shell: a virtual CXL host
# make fuzz       parsers, for long; make check does it for a while
# make fault      each call that may fail does, once; make check tries some of them
# make bench      what it costs, in tests/bench/RESULTS.md
# make deb        the Debian package, for the release that this machine runs, in build/
# For another architecture: CROSS_COMPILE=aarch64-linux-gnu- SYSROOT=DIR BUILD=build/arm64, where DIR
# holds its libraries (tests/vm/sysroot.sh makes one).
# EXTRA='-DNAME=VALUE' goes to all compilers.
# V=1 shows commands, WERROR=1 makes warnings errors, SANITIZE=1 builds with ASan and UBSan.

# Manuals, the daemon (for its settings) and journald (for the catalog) know PREFIX=/usr, whatever it is.
PREFIX     ?= /usr/local
SBINDIR    ?= $(PREFIX)/sbin
BINDIR     ?= $(PREFIX)/bin
MANDIR     ?= $(PREFIX)/share/man
DOCDIR     ?= $(PREFIX)/share/doc/cxlirqd
LIBDIR     ?= $(PREFIX)/lib
LIBEXECDIR ?= $(PREFIX)/libexec
UNITDIR    ?= $(LIBDIR)/systemd/system
SYSUSERSDIR ?= $(LIBDIR)/sysusers.d
TMPFILESDIR ?= $(LIBDIR)/tmpfiles.d
# the one that the units are for: 253 has Type=notify-reload
SYSTEMD_VERSION ?= $(shell $(PKG_CONFIG) --modversion libsystemd)
BASHCOMPDIR ?= $(PREFIX)/share/bash-completion/completions
# Debian's zsh looks for what packages bring in a place of its own.
ZSHCOMPDIR ?= $(PREFIX)/share/zsh/$(if $(and $(filter /usr,$(PREFIX)),$(wildcard /etc/debian_version)),vendor-completions,site-functions)
FISHCOMPDIR ?= $(PREFIX)/share/fish/vendor_completions.d
DESTDIR    ?=
BUILD      ?= build
CROSS_COMPILE ?=
SYSROOT    ?=
CC         ?= gcc
CLANG      ?= clang
BPFTOOL    ?= $(firstword $(shell command -v bpftool) /usr/sbin/bpftool)
PKG_CONFIG ?= pkg-config
CFLAGS     ?= -O2 -g
EXTRA      ?=
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

LIBRARIES  := libbpf libsystemd jansson libcap libpci inih sqlite3 smartcols ncursesw libmicrohttpd zlib
# these install what is missing first, and build in a second make
FIRST_GOALS := clean packages check check-matrix fuzz fault bench lint deb demo demo-shell
ifeq ($(filter $(FIRST_GOALS),$(MAKECMDGOALS)),)
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(LIBRARIES))
DAEMON_LIBS := $(shell $(PKG_CONFIG) --libs libbpf libsystemd jansson libcap libpci inih sqlite3 libmicrohttpd zlib)
CLIENT_LIBS := $(shell $(PKG_CONFIG) --libs libsystemd jansson smartcols ncursesw)
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

ALL_CFLAGS += $(EXTRA)

# headers hold static functions, of which each file uses some
BPF_CFLAGS := $(EXTRA) -g -O2 -target bpf -D__TARGET_ARCH_$(BPF_ARCH) -Iinclude -Ibpf \
	$(if $(SYSROOT),--sysroot=$(SYSROOT)) $(if $(MULTIARCH),-I$(SYSROOT)/usr/include/$(MULTIARCH)) -Wall -Wextra -Wno-unused-parameter \
	-Wno-unused-function -Wno-missing-field-initializers $(if $(filter 1,$(WERROR)),-Werror)

Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),@:,@printf '  %-7s %s\n' $(1) $(2))

# maps and knobs first: the linker of libbpf 1.1 places a map wrongly that is used before it is defined;
# the guard is an object of its own
BPF_SOURCES := bpf/cxlirqd.bpf.c $(filter-out bpf/cxlirqd.bpf.c bpf/guard.bpf.c,$(sort $(wildcard bpf/*.bpf.c)))
BPF_OBJECTS := $(BPF_SOURCES:bpf/%.bpf.c=$(BUILD)/bpf/%.bpf.o)
LIB_SOURCES := $(filter-out daemon/main.c,$(sort $(wildcard daemon/*.c)))
LIB_OBJECTS := $(LIB_SOURCES:%.c=$(BUILD)/%.o)
CLI_SOURCES := $(sort $(wildcard cli/*.c))
CLI_OBJECTS := $(CLI_SOURCES:%.c=$(BUILD)/%.o)
UNITS       := $(sort $(patsubst %.in,%,$(notdir $(wildcard units/*.service units/*.service.in units/*.socket))))
# what a unit's line begins with when it is for one kind of systemd only
UNIT_WORDS   = -e 's|@SBINDIR@|$(SBINDIR)|;s|@BINDIR@|$(BINDIR)|' \
	$(if $(shell test "$(firstword $(subst ., ,$(SYSTEMD_VERSION)))" -lt 253 && echo old), \
	  -e '/^@notify-reload@/d;s|^@notify@||', -e '/^@notify@/d;s|^@notify-reload@||')
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

$(BUILD)/guard.skel.h: $(BUILD)/bpf/guard.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name guard_bpf > $@.tmp && mv $@.tmp $@

$(BUILD)/io.cxlirqd.varlink.h: include/cxlirqd/io.cxlirqd.varlink
	$(call say,TEXT,$@)
	$(Q)mkdir -p $(@D)
	$(Q){ echo 'static const char io_cxlirqd_varlink[] ='; \
	  sed -e 's/[\\"]/\\&/g' -e 's/.*/"&\\n"/' $<; echo ';'; } > $@.tmp && mv $@.tmp $@

# what shells read to complete a command line, as strings
SHELLS := bash zsh fish
$(BUILD)/completion-files.h: $(SHELLS:%=contrib/completion/cxlirqctl.%)
	$(call say,TEXT,$@)
	$(Q)mkdir -p $(@D)
	$(Q)for shell in $(SHELLS); do \
	  echo "static const char completion_$$shell[] ="; \
	  sed -e 's/[\\"]/\\&/g' -e 's/.*/"&\\n"/' contrib/completion/cxlirqctl.$$shell; echo ';'; \
	  done > $@.tmp && mv $@.tmp $@

# the page's files, as strings
PAGE_FILES := html:daemon/page.html css:daemon/page.css js:daemon/page.js icon:daemon/page-icon.svg
$(BUILD)/page-files.h: $(foreach file,$(PAGE_FILES),$(lastword $(subst :, ,$(file))))
	$(call say,TEXT,$@)
	$(Q)mkdir -p $(@D)
	$(Q)for file in $(PAGE_FILES); do \
	  echo "static const char page_$${file%%:*}[] ="; \
	  sed -e 's/[\\"]/\\&/g' -e 's/.*/"&\\n"/' $${file##*:}; echo ';'; done > $@.tmp && mv $@.tmp $@

$(BUILD)/daemon/probe-load.o: | $(BUILD)/cxlirqd.skel.h
$(BUILD)/daemon/guard-hook.o: | $(BUILD)/guard.skel.h
$(BUILD)/daemon/sink-varlink.o: | $(BUILD)/io.cxlirqd.varlink.h
$(BUILD)/cli/completion.o: | $(BUILD)/completion-files.h
$(BUILD)/daemon/page.o: | $(BUILD)/page-files.h

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
	install -Dm644 units/cxlirqd.sysusers $(DESTDIR)$(SYSUSERSDIR)/cxlirqd.conf
	install -Dm644 units/cxlirqd.tmpfiles $(DESTDIR)$(TMPFILESDIR)/cxlirqd.conf
	install -d $(DESTDIR)$(UNITDIR)
	for unit in $(UNITS); do \
	  sed $(UNIT_WORDS) units/$$unit* > $(DESTDIR)$(UNITDIR)/$$unit && \
	  chmod 644 $(DESTDIR)$(UNITDIR)/$$unit || exit 1; done
	install -Dm755 contrib/irqbalance/cxlirq-policy $(DESTDIR)$(LIBEXECDIR)/cxlirqd/irqbalance-policy
	install -Dm644 contrib/completion/cxlirqctl.bash $(DESTDIR)$(BASHCOMPDIR)/cxlirqctl
	install -Dm644 contrib/completion/cxlirqctl.zsh $(DESTDIR)$(ZSHCOMPDIR)/_cxlirqctl
	install -Dm644 contrib/completion/cxlirqctl.fish $(DESTDIR)$(FISHCOMPDIR)/cxlirqctl.fish
	for page in $(MAN_PAGES); do \
	  install -Dm644 $$page $(DESTDIR)$(MANDIR)/man$${page##*.}/$${page##*/} || exit 1; done
	install -d $(DESTDIR)$(DOCDIR)/examples/prometheus/tests $(DESTDIR)$(DOCDIR)/examples/grafana
	install -m644 contrib/prometheus/*.yml $(DESTDIR)$(DOCDIR)/examples/prometheus/
	install -m644 contrib/prometheus/tests/*.yml $(DESTDIR)$(DOCDIR)/examples/prometheus/tests/
	install -m644 contrib/grafana/*.json $(DESTDIR)$(DOCDIR)/examples/grafana/

# dpkg-buildpackage leaves its files beside the tree that it builds
DEB_TREE := $(BUILD)/deb/cxlirqd-$(VERSION)
deb:
	$(Q)tests/packages.sh build package
	$(Q)rm -rf $(BUILD)/deb && mkdir -p $(DEB_TREE)
	$(Q)tar -c Makefile README.md LICENSE bpf cli contrib daemon include man tests/tests.mk units | \
	  tar -x -C $(DEB_TREE)
	$(Q)cp -r contrib/debian $(DEB_TREE)/debian
	$(Q)cd $(DEB_TREE) && unset MAKEFLAGS MAKELEVEL && \
	  DEB_BUILD_OPTIONS="noautodbgsym $$DEB_BUILD_OPTIONS" dpkg-buildpackage -b -us -uc
	$(Q)mv $(BUILD)/deb/cxlirqd_$(VERSION)_*.deb $(BUILD)/

clean:
	rm -rf $(BUILD)

.PHONY: all install deb clean
.DELETE_ON_ERROR:

-include $(BPF_OBJECTS:.o=.d) $(BUILD)/bpf/guard.bpf.d $(LIB_OBJECTS:.o=.d) $(CLI_OBJECTS:.o=.d) $(BUILD)/daemon/main.d

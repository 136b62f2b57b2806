# SPDX-License-Identifier: GPL-2.0-only
#
# make help tells what can be made. V=1 shows the commands. ARCH=arm64 makes ./tcpwhy-arm64, on any machine.

MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:
.DEFAULT_GOAL := all

# The newest release in CHANGELOG.md and its day, which is the date of all that is made: two builds are the same to the bit.
VERSION := $(shell awk '/^## \[[0-9]/ { gsub(/[][]/, ""); print $$2; exit }' CHANGELOG.md)
RELEASED := $(shell awk '/^## \[[0-9]/ { print $$NF; exit }' CHANGELOG.md)
SOURCE_DATE_EPOCH ?= $(shell date -ud $(RELEASED) +%s)
export SOURCE_DATE_EPOCH

# As the kernel and Debian call it. For another one than this machine's there is a directory of its own, with the
# libraries too.
MACHINE := $(shell uname -m)
ARCH := $(MACHINE)
override ARCH := $(patsubst arm64,aarch64,$(ARCH))
DEBIAN_ARCH := $(patsubst aarch64,arm64,$(patsubst x86_64,amd64,$(ARCH)))
BPF_ARCH := $(patsubst aarch64,arm64,$(patsubst x86_64,x86,$(ARCH)))
ifeq ($(ARCH),$(MACHINE))
BUILD := build
PROGRAM := tcpwhy
else
CROSS := $(ARCH)-linux-gnu-
BUILD := build/$(DEBIAN_ARCH)
PROGRAM := tcpwhy-$(DEBIAN_ARCH)
SYSROOT := $(BUILD)/sysroot
CROSS_CFLAGS := -isystem $(SYSROOT)/usr/include
CROSS_LDFLAGS := -L$(SYSROOT)/usr/lib/$(ARCH)-linux-gnu
ifneq ($(filter run demo test test-%,$(filter-out test-vm-arm64,$(MAKECMDGOALS))),)
$(error what is built for $(ARCH) does not run here; make test-vm-arm64 runs it in qemu)
endif
endif

CC := $(CROSS)gcc
HOST_CC := gcc
STRIP := $(CROSS)strip
CLANG := clang
BPFTOOL := bpftool
CLANG_FORMAT := clang-format
CLANG_TIDY := clang-tidy
INSTALL := install --strip-program=$(STRIP)
# SETUP=: installs nothing that is missing, for those who build packages.
SETUP := tools/setup.sh

# WERROR=1 makes warnings errors, as CI does.
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	-Wwrite-strings -Wundef -Wformat=2 -Wno-format-nonliteral -Wvla $(if $(WERROR),-Werror)
CFLAGS ?= -O2 -g
# Where it is built is told neither by the debugging information nor by the BTF.
SAME_ANYWHERE := -ffile-prefix-map=$(CURDIR)=.
USER_CFLAGS := -std=gnu11 $(WARNINGS) -DTCPWHY_VERSION='"$(VERSION)"' -D_GNU_SOURCE -Ibpf -Iuser \
	-isystem $(BUILD) $(CROSS_CFLAGS) -fstack-protector-strong -ffunction-sections -fdata-sections $(SAME_ANYWHERE)
FUZZ_CFLAGS := -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
BPF_CFLAGS := -O2 -mcpu=v3 -g -std=gnu11 -Wall -Wextra -Wno-unused-parameter $(if $(WERROR),-Werror) \
	-target bpf -D__TARGET_ARCH_$(BPF_ARCH) -Ivmlinux -Ibpf $(SAME_ANYWHERE) $(BPF_CPPFLAGS)
# Everything is linked in, so that the binary runs where nothing is installed, but for what is never used
# (user/static). STATIC= links against the shared objects instead; TRIM= leaves in what is never used, which
# other versions of the libraries than Debian 12's may need.
STATIC := -static
TRIM := yes
LDLIBS := -Wl,--wrap=btf__load_vmlinux_btf,--wrap=btf__parse,--wrap=bpf_btf_get_next_id -lbpf -ldw -lelf -lz -llzma -lsupc++ -ljson-c -lmicrohttpd -lncursesw -ltinfo # user/kernel_btf.c

USER_SOURCES := $(wildcard user/*.c)
USER_OBJECTS := $(USER_SOURCES:user/%.c=$(BUILD)/user/%.o)
SKELETON := $(BUILD)/tcpwhy.skel.h
PAGES := $(sort $(wildcard docs/verdicts/*.md)) docs/errors.md
MANUALS := $(BUILD)/tcpwhy.8 $(BUILD)/tcpwhy-verdicts.7
COMPLETIONS := $(addprefix build/completions/,bash zsh fish)
PREFIX ?= /usr/local
AT := $(DESTDIR)$(PREFIX)
# Debian's packages have theirs in vendor-completions.
ZSH_FUNCTIONS := site-functions
TARBALL := build/tcpwhy-$(VERSION)-$(ARCH)
BATS := bats
UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/*.c))
FUZZERS := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/*.c))
BENCH_PROGRAMS := $(addprefix $(BUILD)/bench/,traffic hold storm empty)
TIDIED := $(patsubst %.c,$(BUILD)/tidy$(DEEP)/%,$(wildcard user/*.c bpf/*.c tests/*/*.c tests/e2e/stack/*.c tools/bench/*.c))
SLOW_DRIVERS := $(patsubst tests/slow/%.c,$(BUILD)/tests/slow-%,$(wildcard tests/slow/*.c))

Q := $(if $(V),,@)
say = $(if $(V),,@echo "  $(1)	$(2)")

##@ Use
all: $(if $(CROSS),setup-$(DEBIAN_ARCH)) ## build ./tcpwhy (make setup first, where something is missing)
	$(Q)$(MAKE) --no-print-directory $(PROGRAM)

run: setup-build ## install what is missing, build, watch this host (ARGS='-P 3306')
	$(Q)$(MAKE) --no-print-directory tcpwhy
	$(Q)./tcpwhy $(ARGS)

demo: setup-demo ## cause some deaths in a network namespace, and see them named
	$(Q)$(MAKE) --no-print-directory tcpwhy
	$(Q)tools/demo.sh

##@ Install
install: setup-install ## install to $(DESTDIR)$(PREFIX), with man pages and completions (PREFIX=/usr/local)
	$(Q)$(MAKE) --no-print-directory install-built

install-built: $(PROGRAM) $(MANUALS) $(COMPLETIONS)
	$(Q)$(INSTALL) -D -s -m 755 $(PROGRAM) $(AT)/sbin/tcpwhy
	$(Q)$(INSTALL) -D -m 644 $(BUILD)/tcpwhy.8 $(AT)/share/man/man8/tcpwhy.8
	$(Q)$(INSTALL) -D -m 644 $(BUILD)/tcpwhy-verdicts.7 $(AT)/share/man/man7/tcpwhy-verdicts.7
	$(Q)$(INSTALL) -D -m 644 build/completions/bash $(AT)/share/bash-completion/completions/tcpwhy
	$(Q)$(INSTALL) -D -m 644 build/completions/zsh $(AT)/share/zsh/$(ZSH_FUNCTIONS)/_tcpwhy
	$(Q)$(INSTALL) -D -m 644 build/completions/fish $(AT)/share/fish/vendor_completions.d/tcpwhy.fish
	$(Q)$(INSTALL) -D -m 644 -t $(AT)/share/doc/tcpwhy README.md CHANGELOG.md user/record.schema.json user/check.schema.json

uninstall: ## remove what make install has installed
	$(Q)rm -f $(addprefix $(AT)/,sbin/tcpwhy share/man/man8/tcpwhy.8 share/man/man7/tcpwhy-verdicts.7 \
		share/bash-completion/completions/tcpwhy share/zsh/$(ZSH_FUNCTIONS)/_tcpwhy \
		share/fish/vendor_completions.d/tcpwhy.fish)
	$(Q)rm -rf $(AT)/share/doc/tcpwhy

tarball: setup-install ## all of that in build/tcpwhy-$(VERSION)-$(ARCH).tar.xz, to be unpacked under /usr/local, say
	$(Q)rm -rf $(TARBALL)
	$(Q)$(MAKE) --no-print-directory install-built DESTDIR=$(TARBALL) PREFIX=/$(notdir $(TARBALL))
	$(Q)install -m 644 LICENSE $(TARBALL)/$(notdir $(TARBALL))/share/doc/tcpwhy/
	$(call say,TAR,$(TARBALL).tar.xz)
	$(Q)tar -C $(TARBALL) --sort=name --mtime=@$(SOURCE_DATE_EPOCH) --owner=0 --group=0 --numeric-owner --mode=go=rX,u+rw \
		--format=gnu -c $(notdir $(TARBALL)) | xz -T1 > $(TARBALL).tar.xz

deb: setup-deb ## a Debian package in build/
	$(Q)tools/deb.sh $(VERSION) $(RELEASED)

##@ Test
test: setup-test ## install what is missing, build, run all quick tests
	$(Q)$(MAKE) --no-print-directory tcpwhy $(UNIT_TESTS) $(BENCH_PROGRAMS)
	$(Q)tests/run.sh

# Sanitizers and valgrind replace malloc() in a C library that is a shared object; all others are linked in, as always.
SHARED_C := STATIC= LDLIBS='-Wl,-Bstatic $(LDLIBS) -Wl,-Bdynamic'

# What is undefined is fatal: else a test that passes would hide it. With sanitizers gcc warns of texts that are cut off on purpose.
SANITIZED := BUILD=build/asan PROGRAM=build/asan/tcpwhy $(SHARED_C) \
	CFLAGS='-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all -Wno-format-truncation'

test-asan: setup-test ## the unit tests, and end-to-end ones, under AddressSanitizer and UndefinedBehaviorSanitizer (TESTS=e2e, or a file)
	$(Q)$(MAKE) --no-print-directory $(SANITIZED) unit-tests build/asan/tcpwhy
	$(if $(TESTS),$(Q)$(MAKE) --no-print-directory tcpwhy $(BENCH_PROGRAMS))
	$(Q)TEST_BUILD=build/asan tests/run.sh unit $(TESTS)

unit-tests: $(UNIT_TESTS)

# Its filter of system calls would refuse valgrind's own.
test-valgrind: setup-valgrind ## under valgrind, for SOAK_MINUTES=4 of deaths: no error, and all is freed
	$(Q)$(MAKE) --no-print-directory BUILD=build/valgrind PROGRAM=build/valgrind/tcpwhy $(SHARED_C) CPPFLAGS=-DNO_FILTER build/valgrind/tcpwhy
	$(Q)tests/run.sh tests/soak/valgrind.bats

test-slow: setup-test ## special sockets, owners, the books against the kernel's counters
	$(Q)$(MAKE) --no-print-directory tcpwhy $(SLOW_DRIVERS)
	$(Q)$(MAKE) --no-print-directory BUILD=build/interrupted PROGRAM=build/interrupted/tcpwhy \
		BPF_CPPFLAGS='-include tests/slow/interrupt.h' build/interrupted/tcpwhy
	$(Q)tests/run.sh slow

test-storm: setup-test ## connections die as fast as the machine can let them; not in CI, see tests/README.md
	$(Q)$(MAKE) --no-print-directory tcpwhy $(BENCH_PROGRAMS)
	$(Q)tests/run.sh tests/storm/storm.bats

test-soak: setup-test ## SOAK_MINUTES=30 of deaths, with the books and the memory looked at each minute
	$(Q)$(MAKE) --no-print-directory tcpwhy $(BENCH_PROGRAMS)
	$(Q)tests/run.sh tests/soak/soak.bats

test-faults: setup-test ## what goes wrong around it: stopped, killed, out of memory, of disk, of CPUs; PIDs that come again; many at once
	$(Q)$(MAKE) --no-print-directory tcpwhy
	$(Q)tests/run.sh faults

test-real: setup-real ## haproxy, MariaDB, nginx, redis, Go, curl, Java, Node
	$(Q)$(MAKE) --no-print-directory tcpwhy
	$(Q)tests/run.sh real

golden: setup-test ## record all scenarios anew into tests/data, and what must be told of them; look at the difference
	$(Q)$(MAKE) --no-print-directory tcpwhy
	$(Q)tests/data/golden.sh

test-vm: setup-test setup-vm ## the end-to-end tests under other kernels, in qemu (KERNEL=6.1 TESTS=tests/e2e/deaths.bats)
	$(Q)$(MAKE) --no-print-directory tcpwhy $(BENCH_PROGRAMS)
	$(Q)tests/vm/run.sh $(KERNEL)

test-vm-quick: setup-test setup-vm ## the same of each scenario of deaths.bats over one family of addresses: five to eight minutes a kernel
	$(Q)$(MAKE) --no-print-directory tcpwhy
	$(Q)TEST_QUICK=1 tests/vm/run.sh $(KERNEL)

test-vm-arm64: setup-vm-arm64 ## a short test under kernels for arm64, in qemu (KERNEL, TESTS)
	$(Q)$(MAKE) --no-print-directory ARCH=arm64 all
	$(Q)VM_ARCH=arm64 TESTS="$(or $(TESTS),tests/vm/smoke.bats)" tests/vm/run.sh $(KERNEL)

test-fuzz: setup-fuzz ## each fuzzer from its corpus, some ten seconds or FUZZ_SECONDS, with sanitizers (FUZZ=fuzz_names chooses one)
	$(Q)$(MAKE) --no-print-directory $(FUZZERS)
	$(Q)tests/fuzz/run.sh $(FUZZ)

bench: setup-bench ## what tcpwhy costs beside its peers: a quarter of an hour, on an idle machine (BENCH='shared pairs')
	$(Q)$(MAKE) --no-print-directory tcpwhy $(BENCH_PROGRAMS)
	$(Q)tools/bench/bench.py $(BENCH)

bench-vm: setup-bench setup-vm ## the same table, in part, on another kernel in qemu, with peers that need kprobes (KERNEL=6.1)
	$(Q)$(MAKE) --no-print-directory tcpwhy $(BENCH_PROGRAMS)
	$(Q)tools/bench/vm.sh $(or $(KERNEL),6.1)

test-pristine: ## make run and make test in a fresh Debian root (debootstrap)
	$(Q)tools/test-pristine.sh

test-deb: deb ## install the Debian package in a fresh Debian root that has nothing else, and use it
	$(Q)tools/test-deb.sh build/tcpwhy_$(VERSION)_$(DEBIAN_ARCH).deb

test-reproducible: setup-deb ## two builds, in other places at other times, are the same to the bit
	$(Q)tools/test-reproducible.sh

##@ Maintain
setup: setup-test ## install all packages that building and testing need
lint: setup-test ## formatting, cppcheck, shell scripts, spelling, clang-tidy
	$(Q)tools/lint.sh
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) $(TIDIED)

tidy: setup-test ## clang-tidy alone, of what has changed (DEEP=1: all paths, minutes)
	$(Q)$(MAKE) --no-print-directory -k -j$$(nproc) $(TIDIED)

format: ## format the C sources in place
	$(Q)$(CLANG_FORMAT) -i $$(git ls-files '*.[ch]' ':!vmlinux')

vmlinux: ## generate vmlinux/vmlinux.h anew from the running kernel's BTF
	$(Q)tools/gen-vmlinux > $(BUILD)/vmlinux.h && mv $(BUILD)/vmlinux.h vmlinux/vmlinux.h

clean: ## remove what was built
	$(Q)rm -rf build tcpwhy tcpwhy-arm64

help: ## this
	$(Q)awk 'BEGIN { FS = ":.*## " } /^##@/ { print "\n" substr($$0, 5) ":" } \
		/^[a-z0-9-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' Makefile

setup-build setup-install setup-deb setup-test setup-bench setup-demo setup-real setup-fuzz setup-valgrind setup-vm setup-arm64 setup-vm-arm64:
	$(Q)$(SETUP) $(@:setup-%=%)

# ---- building ------------------------------------------------------------------------------------

$(PROGRAM): $(USER_OBJECTS) $(if $(and $(STATIC),$(TRIM)),$(BUILD)/user/static/unused.o user/static/link.ld)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(CROSS_LDFLAGS) $(STATIC) -Wl,--gc-sections -o $@ $(filter %.o,$^) \
		$(addprefix -T ,$(filter %.ld,$^)) $(LDLIBS)

$(BUILD)/tcpwhy.8: user/tcpwhy.8.scd
	$(call say,MAN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)scdoc < $< > $@

$(BUILD)/tcpwhy-verdicts.7: user/tcpwhy-verdicts.7.scd tools/pages.awk $(PAGES)
	$(call say,MAN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)awk -f tools/pages.awk -v to=man $(PAGES) | cat $< - | scdoc > $@

ifdef CROSS
.PHONY: $(COMPLETIONS)
$(COMPLETIONS): # the same for all machines
	$(Q)$(MAKE) --no-print-directory ARCH=$(MACHINE) $@
else
build/completions/%: tcpwhy
	$(call say,SHELL,$@)
	$(Q)mkdir -p $(@D)
	$(Q)./tcpwhy --completions $* > $@
endif

$(BUILD)/pages: tools/pages.awk $(PAGES) docs/verdicts # where pages come and go
	$(call say,PAGES,$@)
	$(Q)mkdir -p $(@D)
	$(Q)awk -f tools/pages.awk -v to=text $(PAGES) > $@

$(BUILD)/user/%.o: user/%.c | $(SKELETON) $(BUILD)/snapshot.skel.h $(SYSROOT)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(CPPFLAGS) $(USER_CFLAGS) -MD -MP -c -o $@ $<

$(SYSROOT): tools/sysroot
	$(call say,FETCH,$@)
	$(Q)mkdir -p $(@D)
	$(Q)tools/sysroot $(DEBIAN_ARCH) $@

# For kernels with BTF of their own, and for the others: bpf/read.h.
$(BUILD)/typed.bpf.o: bpf/tcpwhy.bpf.c
	$(call say,BPF,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MD -MP -c -o $@ $<

$(BUILD)/probes.bpf.o: bpf/tcpwhy.bpf.c
	$(call say,BPF,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -DPROBES_ONLY -MD -MP -c -o $@ $<

# What runs once, or when someone looks, is made small; what runs for each record is not. (Of check_accident gcc would
# then warn of what cannot be.)
SMALL := advice call_stack cgroup check check_host check_json check_sysctl check_text completions explain% filters \
	go_symbols kernel% ladder maps object% options% privileges screen services syscalls terminfo top% verdict watch_open
$(addprefix $(BUILD)/user/,$(addsuffix .o,$(filter $(SMALL),$(basename $(notdir $(USER_SOURCES)))))): USER_CFLAGS += -Os

$(BUILD)/%.linked.o: $(BUILD)/%.bpf.o
	$(Q)$(BPFTOOL) gen object $@ $<

$(BUILD)/%.packed: $(BUILD)/%.linked.o build/pack
	$(call say,PACK,$@)
	$(Q)build/pack $< $(OTHER) > $@

# Of these the binary has what differs from the first object, and nothing else.
$(BUILD)/probes.packed $(BUILD)/snapshot.packed: OTHER := $(BUILD)/typed.linked.o
$(BUILD)/probes.packed $(BUILD)/snapshot.packed: $(BUILD)/typed.linked.o

$(BUILD)/pages.packed: $(BUILD)/pages build/pack
	$(call say,PACK,$@)
	$(Q)build/pack $< > $@

build/pack: tools/pack.c user/packed.h # runs on this machine
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(HOST_CC) -O2 $(WARNINGS) -Iuser -o $@ $< -llzma

# Of one program, on all kernels that have iterators.
$(BUILD)/snapshot.bpf.o: bpf/snapshot.bpf.c
	$(call say,BPF,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MD -MP -c -o $@ $<

# The skeleton without the object, which user/packed.c has.
$(BUILD)/snapshot.skel.h: SKELETON_NAME := snapshot
$(BUILD)/%.skel.h: SKELETON_NAME ?= tcpwhy
$(BUILD)/%.skel.h: $(BUILD)/%.linked.o
	$(Q)$(BPFTOOL) gen skeleton $< name $(SKELETON_NAME) | sed \
		-e '/^static inline const void \*$(SKELETON_NAME)__elf_bytes(size_t \*sz)$$/,/^}/d' \
		-e 's/^static inline \(const void \*$(SKELETON_NAME)__elf_bytes\)/\1/' > $@

# One skeleton is used for both objects, so it must be the same for both.
$(SKELETON): $(BUILD)/typed.skel.h $(BUILD)/probes.skel.h
	$(call say,SKEL,$@)
	$(Q)diff $^
	$(Q)cp $< $@

# Those that say the version
$(patsubst %.c,$(BUILD)/%.o,$(shell grep -l TCPWHY_VERSION user/*.c)): CHANGELOG.md

$(BUILD)/user/packed.o: USER_CFLAGS += -DPACKED_IN='"$(BUILD)"'
$(BUILD)/user/packed.o: $(addprefix $(BUILD)/,typed.packed probes.packed snapshot.packed pages.packed)

# What terminals like xterm understand, for where there is no terminfo: ncurses takes it in this form.
$(BUILD)/xterm_terminfo.h:
	$(call say,TERMINFO,$@)
	$(Q)mkdir -p $(@D)
	$(Q)infocmp -q -Q2 xterm | sed '/^#/d; s/.*/"&"/; 1s/^/#define XTERM_TERMINFO /; $$!s/$$/ \\/' > $@

$(BUILD)/user/terminfo.o $(BUILD)/fuzz/user/terminfo.o: $(BUILD)/xterm_terminfo.h

$(BUILD)/tests/%: tests/unit/%.c $(filter-out $(BUILD)/user/main.o,$(USER_OBJECTS))
	$(call say,TEST,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(USER_CFLAGS) -MD -MP -o $@ $(filter %.c %.o,$^) -lcmocka $(LDLIBS)

$(BUILD)/tests/slow-%: tests/slow/%.c
	$(call say,TEST,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(USER_CFLAGS) -MD -MP -o $@ $<

# A file at a time: of several, clang-tidy 14 takes each va_list after the first file for uninitialised.
$(BUILD)/tidy$(DEEP)/%: TIDY_CFLAGS = $(USER_CFLAGS) -Wno-missing-field-initializers -isystem $(BUILD)/bench -DPACKED_IN='"$(BUILD)"'
$(BUILD)/tidy$(DEEP)/%.bpf: TIDY_CFLAGS = $(BPF_CFLAGS)
$(BUILD)/tidy$(DEEP)/%: %.c .clang-tidy bpf/.clang-tidy $(wildcard */*.h */*/*.h bpf/*.def user/*.def) \
		| $(SKELETON) $(BUILD)/snapshot.skel.h $(BUILD)/bench/empty.skel.h $(BUILD)/xterm_terminfo.h
	$(call say,TIDY,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG_TIDY) --quiet $< -- $(TIDY_CFLAGS) $(if $(DEEP),,-Xclang -analyzer-config -Xclang mode=shallow) 2>$@.err || \
		{ cat $@.err; false; }
	$(Q)touch $@

# All but main, instrumented: what a fuzzer needs of it is linked.
$(BUILD)/fuzz/user/%.o: user/%.c | $(SKELETON) $(BUILD)/snapshot.skel.h
	$(call say,FUZZ,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_CFLAGS) $(USER_CFLAGS) -Wno-missing-field-initializers -MD -MP -c -o $@ $<

$(BUILD)/fuzz/user/packed.o: USER_CFLAGS += -DPACKED_IN='"$(BUILD)"'
$(BUILD)/fuzz/user/packed.o: $(addprefix $(BUILD)/,typed.packed probes.packed snapshot.packed pages.packed)

$(BUILD)/fuzz/tcpwhy.a: $(patsubst %,$(BUILD)/fuzz/%,$(filter-out user/main.o,$(USER_SOURCES:.c=.o)))
	$(Q)rm -f $@
	$(Q)ar rcs $@ $^

$(BUILD)/fuzz/%: tests/fuzz/%.c $(BUILD)/fuzz/tcpwhy.a
	$(call say,FUZZ,$@)
	$(Q)$(CLANG) $(FUZZ_CFLAGS) $(USER_CFLAGS) -Wno-missing-field-initializers -fsanitize=fuzzer -MD -MP -o $@ $(filter %.c %.a,$^) $(LDLIBS)

$(BUILD)/fuzz/fuzz_options: LDLIBS += -Wl,--wrap=argp_parse
# As in the binary: the shared libraries do not take what we put in between.
$(BUILD)/fuzz/fuzz_btf: LDLIBS := -Wl,--wrap=syscall -l:libbpf.a $(LDLIBS)
$(BUILD)/fuzz/fuzz_process: LDLIBS := -l:libdw.a -l:libelf.a $(LDLIBS)

$(BUILD)/bench/%: tools/bench/%.c tools/bench/loopback.c
	$(call say,BENCH,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(USER_CFLAGS) -MD -MP -o $@ $(filter %.c,$^)

$(BUILD)/bench/empty: tools/bench/empty.c $(BUILD)/bench/empty.skel.h
	$(call say,BENCH,$@)
	$(Q)$(CC) $(CFLAGS) $(USER_CFLAGS) -I$(@D) $(STATIC) -o $@ $< -lbpf -lelf -lz

$(BUILD)/bench/empty.skel.h: tools/bench/empty.bpf.c
	$(call say,BPF,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c -o $(@D)/empty.bpf.o $<
	$(Q)$(BPFTOOL) gen skeleton $(@D)/empty.bpf.o name empty > $@

-include $(wildcard $(BUILD)/*.d $(BUILD)/user/*.d $(BUILD)/user/static/*.d $(BUILD)/tests/*.d $(BUILD)/bench/*.d $(BUILD)/fuzz/*.d $(BUILD)/fuzz/user/*.d)

.PHONY: all run demo bench bench-vm install install-built uninstall tarball deb test test-fuzz test-asan test-valgrind unit-tests test-soak test-slow test-storm test-real test-vm test-vm-quick test-vm-arm64 test-pristine test-deb test-reproducible setup lint tidy format vmlinux golden clean help \
	setup-build setup-install setup-deb setup-test setup-bench setup-demo setup-real setup-fuzz setup-valgrind setup-vm setup-arm64 setup-vm-arm64

#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""tools/gen-vmlinux, and whether the committed vmlinux/vmlinux.h is what it makes of vmlinux/types.txt."""

import contextlib
import functools
import importlib.machinery
import importlib.util
import io
import pathlib
import re
import subprocess
import sys
import tempfile
import types
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TOOL = ROOT / "tools" / "gen-vmlinux"
TYPES = ROOT / "vmlinux" / "types.txt"
HEADER = ROOT / "vmlinux" / "vmlinux.h"
BTF = pathlib.Path("/sys/kernel/btf/vmlinux")

needs_btf = unittest.skipUnless(BTF.exists(), f"no {BTF}: this kernel has no BTF")

LIST = """\
struct sock_common: skc_daddr skc_num skc_state skc_net
struct inet_timewait_sock: __tw_common
enum bpf_map_type: BPF_MAP_TYPE_HASH
	BPF_MAP_TYPE_RINGBUF
enum -: BPF_ANY BPF_F_CLONE
struct tcp_options_received: saw_tstamp
struct tcphdr: *
"""


def load_tool():
    sys.dont_write_bytecode = True
    loader = importlib.machinery.SourceFileLoader("gen_vmlinux", str(TOOL))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("gen_vmlinux", loader))
    loader.exec_module(module)
    return module


gen = load_tool()
gen.Btf = functools.lru_cache(gen.Btf)  # reading it takes most of the time


def run_tool(*args):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = gen.main([str(a) for a in args])
    return types.SimpleNamespace(returncode=status, stdout=out.getvalue(), stderr=err.getvalue())


class Case(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.types = pathlib.Path(scratch.name, "types.txt")
        self.header = pathlib.Path(scratch.name, "vmlinux.h")

    def run_tool(self, *args, wanted=LIST):
        self.types.write_text(wanted)
        return run_tool("--types", self.types, "--header", self.header, *args)

    def generate(self, wanted=LIST):
        run = self.run_tool(wanted=wanted)
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        return run.stdout

    def refuse(self, wanted, *messages):
        """The list is refused, with these messages and nothing on stdout."""
        run = self.run_tool(wanted=wanted)
        self.assertEqual((run.returncode, run.stdout), (1, ""))
        for message in messages:
            self.assertIn(message, run.stderr)
        self.assertEqual(len(run.stderr.splitlines()), len(messages))


@needs_btf
class Generate(Case):
    def test_same_input_same_output(self):
        self.assertEqual(self.generate(), self.generate())

    def test_fields_keep_their_anonymous_nesting(self):
        self.assertIn("struct sock_common {\n\tunion {\n\t\tstruct {\n\t\t\t__be32 skc_daddr;\n\t\t};\n\t};\n",
                      self.generate())

    def test_fields_of_one_anonymous_member_share_it(self):
        text = self.generate("struct sock_common: skc_dport skc_family skc_num\n")
        self.assertIn("\t\t\t__be16 skc_dport;\n\t\t\t__u16 skc_num;\n\t\t};\n\t};\n"
                      "\tunsigned short skc_family;\n", text)

    def test_bitfield(self):
        self.assertIn("saw_tstamp: 1;", self.generate())

    def test_only_declared_behind_a_pointer(self):
        text = self.generate()
        self.assertIn("struct net;", text)
        self.assertNotIn("struct net {", text)

    def test_typedefs_follow_before_their_use(self):
        text = self.generate()
        self.assertLess(text.index("} possible_net_t;"), text.index("\tpossible_net_t skc_net;"))

    def test_enumerators(self):
        text = self.generate()
        self.assertIn("enum {\n\tBPF_ANY = 0,\n\tBPF_F_CLONE = 512,\n};\n", text)
        self.assertIn("enum bpf_map_type {\n\tBPF_MAP_TYPE_HASH = 1,\n\tBPF_MAP_TYPE_RINGBUF = 27,\n};\n", text)

    def test_star_takes_all(self):
        self.assertIn("urg_ptr;", self.generate())

    def test_function_pointer_is_a_void_pointer(self):
        self.assertIn("void *sk_data_ready;", self.generate("struct sock: sk_data_ready\n"))

    def test_as_a_program(self):
        self.types.write_text(LIST)
        run = subprocess.run([TOOL, "--types", self.types], capture_output=True, text=True)
        self.assertEqual((run.returncode, run.stdout, run.stderr), (0, self.generate(), ""))

    def test_without_btf(self):
        run = self.run_tool("--btf", "/nonexistent")
        self.assertEqual((run.returncode, run.stderr), (1, "gen-vmlinux: /nonexistent: No such file or directory\n"))

    def test_not_btf(self):
        run = self.run_tool("--btf", TOOL)
        self.assertEqual(run.returncode, 1)
        self.assertIn("not raw BTF", run.stderr)

    def test_cut_btf(self):
        self.header.write_bytes(BTF.read_bytes()[:100000])
        run = self.run_tool("--btf", self.header)
        self.assertEqual(run.returncode, 1)
        self.assertIn("cut off or damaged", run.stderr)


@needs_btf
class Refuse(Case):
    def test_unknown_field(self):
        self.refuse(LIST + "struct sk_buff: len lenn\n",
                    "types.txt:8: struct sk_buff has no field lenn (there is len)")

    def test_unknown_type(self):
        self.refuse(LIST + "struct sock_comon: skc_num\n", "types.txt:8: no struct sock_comon in this BTF")

    def test_unknown_enumerator(self):
        self.refuse("enum bpf_map_type: BPF_MAP_TYPE_RINGBUFF\n", "enum bpf_map_type has no enumerator")

    def test_unknown_constant(self):
        self.refuse("enum -: BPF_F_CLOWN\n", "no anonymous enum has BPF_F_CLOWN")

    def test_embedded_struct_must_be_listed(self):
        self.refuse("struct inet_sock: sk\n", "struct inet_sock needs struct sock: list it, with the fields to have")

    def test_every_error_is_told(self):
        self.refuse("struct sk_buff: lenn\nstruct tcphdr: sauce\n", "no field lenn", "no field sauce")


class RefuseWithoutBtf(Case):
    """What is wrong with the list alone."""

    def refuse(self, wanted, message):
        self.types.write_text(wanted)
        with self.assertRaises(gen.Errors) as caught:
            gen.read_list(self.types)
        self.assertIn(message, "\n".join(caught.exception.lines))

    def test_not_a_list(self):
        self.refuse("strukt sock: sk_err\n", "types.txt:1: not understood: strukt sock: sk_err")

    def test_without_fields(self):
        self.refuse("struct sock:\n", "not understood")

    def test_type_twice(self):
        self.refuse("struct sock: sk_err\n\nstruct sock: sk_drops\n", "types.txt:3: struct sock is listed before, at")

    def test_field_twice(self):
        self.refuse("struct sock: sk_err sk_err\n", "struct sock: sk_err listed twice")


@needs_btf
class Check(Case):
    def check(self, old, new, *differences):
        """Of a header in which `old` was replaced with `new`."""
        text = self.generate()
        self.assertIn(old, text)
        self.header.write_text(text.replace(old, new, 1))
        run = self.run_tool("--check")
        self.assertEqual(run.stderr, "")
        self.assertEqual([line.split("vmlinux.h: ")[1] for line in run.stdout.splitlines()], list(differences))
        self.assertEqual(run.returncode, 1 if differences else 0)

    def test_same(self):
        self.check("union", "union")

    def test_value_of_an_enumerator_may_differ(self):
        self.check("BPF_F_CLONE = 512", "BPF_F_CLONE = 7")

    def test_comment_may_differ(self):
        self.check("Generated", "Made")

    def test_field_removed(self):
        self.check("\tpossible_net_t skc_net;\n", "", "struct sock_common: skc_net: missing, should be possible_net_t")

    def test_field_changed(self):
        self.check("possible_net_t skc_net;", "void *skc_net;",
                   "struct sock_common: skc_net: is void *, should be possible_net_t")

    def test_field_added(self):
        self.check("\tpossible_net_t skc_net;\n", "\tpossible_net_t skc_net;\n\tint more;\n",
                   "struct sock_common: more: not in the list or not in this BTF")

    def test_nesting_changed(self):
        self.check("\tunion {\n\t\tstruct {\n\t\t\t__be32 skc_daddr;\n\t\t};\n\t};\n", "\t__be32 skc_daddr;\n",
                   "struct sock_common: skc_daddr: is __be32, should be union { struct { __be32 } }")

    def test_width_of_a_bitfield_changed(self):
        self.check("saw_tstamp: 1", "saw_tstamp: 2",
                   "struct tcp_options_received: saw_tstamp: is u16: 2, should be u16: 1")

    def test_enumerator_removed(self):
        self.check("\tBPF_MAP_TYPE_RINGBUF = 27,\n", "",
                   "enum bpf_map_type: BPF_MAP_TYPE_RINGBUF: missing, should be an enumerator")

    def test_core_pragma_removed(self):
        pragma = "#pragma clang attribute pop"
        self.check(pragma, "", f"preprocessor: {pragma}: missing")

    def test_field_that_the_btf_lacks(self):
        """Told once, of the list, and not again of the header."""
        self.header.write_text(self.generate().replace("skc_num;", "skc_num;\n\t\t\t__u16 skc_numm;"))
        run = self.run_tool("--check", wanted=LIST.replace("skc_num", "skc_num skc_numm"))
        self.assertEqual((run.returncode, run.stderr), (1, ""))
        self.assertRegex(run.stdout,
                         r"^\S+types.txt:1: struct sock_common has no field skc_numm \(there is skc_num\)\n$")

    def test_no_header(self):
        run = self.run_tool("--check")
        self.assertEqual(run.returncode, 1)
        self.assertIn("vmlinux.h: No such file or directory", run.stderr)


class Committed(unittest.TestCase):
    def test_header_has_what_is_listed(self):
        """Without any BTF: every listed name is in the header, and no struct or enum has another."""
        have = {}
        for title, name in gen.shape(HEADER.read_text())[0]:
            have.setdefault(title, set()).update([name] if name else [])
        constants = set()
        for w in gen.read_list(TYPES):
            if w.name == "-":
                constants.update(w.names)
                continue
            self.assertIn(w.title(), have)
            if w.names and not w.whole:
                self.assertEqual({re.split(r"[.[]", name)[0] for name in have[w.title()]}, set(w.names), w.title())
        self.assertEqual(have["enum"], constants)

    @needs_btf
    def test_check(self):
        """Strict on the kernel that the header was made of; on another, types may truly differ."""
        run = run_tool("--check")
        if gen.Btf(BTF).digest() not in HEADER.read_text() and run.returncode == 1:
            lines = (run.stderr + run.stdout).splitlines()
            self.skipTest(f"the header was made of another kernel's BTF, {len(lines)} differences to this one")
        self.assertEqual((run.returncode, run.stdout, run.stderr), (0, "", ""))


if __name__ == "__main__":
    unittest.main(verbosity=2)

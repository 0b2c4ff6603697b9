"""Compiler options of our own code. Warnings are errors here, and only here."""

_COMMON = [
    # DPDK's inline functions need SSSE3 and CRC32 (its own build asks for the same). Nothing newer:
    # what is installed must run on older machines than the one that built it.
    "-march=x86-64-v2",
    # DPDK wants rte_config.h before its headers; a no-op in crates that don't see DPDK.
    "-include",
    "tpa_prelude.h",
    # Bazel's optimised mode would take them out.
    "-UNDEBUG",
    "-Werror",
    "-Wall",
    "-Wextra",
    "-Wshadow",
    "-Wpointer-arith",
    "-Wwrite-strings",
    "-Wvla",
    "-Wundef",
    # gnu11 and all its forms: structures are set up with the members that matter, and a callback
    # needn't use all it is given.
    "-Wno-missing-field-initializers",
    "-Wno-unused-parameter",
    "-fno-common",
    "-fno-strict-aliasing",
    # The archive is position independent, but nobody interposes our functions: inline them.
    "-fno-semantic-interposition",
]

_C = [
    "-std=gnu11",
    "-Wstrict-prototypes",
    "-Wmissing-prototypes",
    "-Wold-style-definition",
]

TPA_COPTS = _COMMON + _C

# Criterion's Test() macros define functions without a prototype of their own.
TPA_TEST_COPTS = _COMMON + _C + [
    "-Wno-missing-prototypes",
    "-Wno-strict-prototypes",
    "-Wno-old-style-definition",
]

TPA_BENCH_COPTS = _COMMON + [
    "-std=gnu++17",
    # A function named like a structure, which C headers may have, hides its constructor.
    "-Wno-shadow",
    # C11's spelling, in headers that C++ includes too.
    "-D_Static_assert=static_assert",
]

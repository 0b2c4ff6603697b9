"""fuzz_target(): one target of the fuzzers, and its corpus as a test."""

load("@rules_cc//cc:defs.bzl", "cc_binary", "cc_library", "cc_test")
load("//bazel:copts.bzl", "TPA_TEST_COPTS")

def fuzz_target(name, deps, data = [], copts = [], extra_srcs = []):
    """Declares one target, whose source is <name>.c and whose cases are in corpus/<name>.

    Makes :<name>, which is libFuzzer's program (only with --config=fuzz), and :<name>_replay_test,
    which runs the target on each file of its corpus, with any compiler and sanitizer.

    Args:
      name: of the target, its source and its corpus.
      deps: what the target needs.
      data: files that it reads while it runs.
      copts: compiler options of its own.
      extra_srcs: other sources that are compiled with it.
    """
    cc_library(
        name = name + "_target",
        testonly = True,
        srcs = [name + ".c"] + extra_srcs,
        copts = TPA_TEST_COPTS + copts,
        linkstatic = True,
        deps = deps + [
            ":support",
            "//bazel:prelude",
        ],
        # libFuzzer looks for its entrance by name.
        alwayslink = True,
    )
    cc_binary(
        name = name,
        testonly = True,
        linkopts = ["-fsanitize=fuzzer"],
        tags = ["manual"],
        data = data,
        deps = [":%s_target" % name],
    )
    cc_test(
        name = name + "_replay_test",
        size = "small",
        srcs = ["support/replay.c"],
        copts = TPA_TEST_COPTS,
        args = ["fuzz/corpus/" + name],
        data = data + native.glob(["corpus/%s/**" % name]),
        linkstatic = True,
        deps = [
            ":%s_target" % name,
            ":support",
            "//bazel:prelude",
        ],
    )

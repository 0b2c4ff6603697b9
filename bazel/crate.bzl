"""tpa_crate(): the one shape that all crates of tpa have.

    libs/<crate>/include/tpa/<crate>/*.h   public headers, included as <tpa/<crate>/x.h>
    libs/<crate>/src/*.c, src/*.h          sources and private headers, included as "x.h"
    libs/<crate>/test/*_test.c             Criterion, one test target each
    libs/<crate>/test/*.h, other *.c       what these tests share
    libs/<crate>/bench/*_bench.cc          Google benchmark; bench/*.c and *.h are its C side
"""

load("@rules_cc//cc:defs.bzl", "cc_binary", "cc_library", "cc_test")
load("//bazel:copts.bzl", "TPA_BENCH_COPTS", "TPA_COPTS", "TPA_TEST_COPTS")

def _package_path(ctx, directory):
    parts = [ctx.label.workspace_root, ctx.label.package, directory]
    return "/".join([part for part in parts if part])

def _include_root_impl(ctx):
    context = cc_common.create_compilation_context(
        headers = depset(ctx.files.hdrs),
        includes = depset([_package_path(ctx, ctx.attr.directory)]),
    )
    return [
        DefaultInfo(files = depset(ctx.files.hdrs)),
        CcInfo(compilation_context = context),
    ]

# cc_library(includes = ...) makes its directories system includes, in which the compiler reports no
# warnings. Our own headers are held to the same standard as our sources.
_include_root = rule(
    implementation = _include_root_impl,
    attrs = {
        "directory": attr.string(mandatory = True),
        "hdrs": attr.label_list(allow_files = [".h"]),
    },
    provides = [CcInfo],
)

def _header_includes(name, extension, headers, tags):
    """One source file for each public header that includes nothing but it, twice."""
    sources = []
    for header in headers:
        include = header[len("include/"):]
        source = "%s_headers/%s%s" % (name, include[:-len(".h")].replace("/", "_"), extension)
        native.genrule(
            name = source.replace(".", "_") + "_gen",
            testonly = True,
            outs = [source],
            cmd = "printf '#include <%s>\\n#include <%s>\\n' > $@" % (include, include),
            tags = tags,
        )
        sources.append(source)
    return sources

def _headers_test(name, headers, cxx_headers, test_tags):
    sources = _header_includes(name, ".c", headers, test_tags)
    main = "%s_headers/main.c" % name
    native.genrule(
        name = name + "_headers_main",
        testonly = True,
        outs = [main],
        cmd = "printf 'int main(void)\\n{\\n    return 0;\\n}\\n' > $@",
    )
    deps = [":" + name]
    if cxx_headers:
        cc_library(
            name = name + "_cxx_headers",
            testonly = True,
            srcs = _header_includes(name, ".cc", cxx_headers, test_tags),
            copts = TPA_BENCH_COPTS,
            linkstatic = True,
            deps = deps,
        )
        deps = deps + [":%s_cxx_headers" % name]
    cc_test(
        name = name + "_headers_test",
        size = "small",
        srcs = sources + [main],
        copts = TPA_COPTS,
        linkstatic = True,
        tags = test_tags,
        deps = deps + ["@tpa//bazel:prelude"],
    )

def _tests(name, deps, test_deps, test_tags):
    tests = native.glob(["test/*_test.c"])
    if not tests:
        return

    # For the fuzzers, which compile them with checks of their own (fuzz/support/criterion).
    native.filegroup(
        name = name + "_test_support_sources",
        testonly = True,
        srcs = native.glob(["test/*.c", "test/*.h"], exclude = tests),
        visibility = ["//fuzz:__pkg__"],
    )
    cc_library(
        name = name + "_test_support",
        testonly = True,
        srcs = native.glob(["test/*.c"], exclude = tests),
        hdrs = native.glob(["test/*.h"]),
        copts = TPA_TEST_COPTS,
        linkstatic = True,
        deps = deps + test_deps + ["@criterion", "@tpa//bazel:prelude"],
    )
    for test in tests:
        cc_test(
            name = test[len("test/"):-len(".c")],
            size = "medium",
            srcs = [test],
            copts = TPA_TEST_COPTS,
            linkstatic = True,
            tags = test_tags,
            deps = deps + test_deps + [
                ":%s_test_support" % name,
                "@criterion",
                "@tpa//bazel:prelude",
            ],
        )

def _bench(name, deps, bench_deps):
    benches = native.glob(["bench/*_bench.cc"])
    if not benches:
        return
    cc_library(
        name = name + "_bench_support",
        testonly = True,
        srcs = native.glob(["bench/*.c"]),
        hdrs = native.glob(["bench/*.h"]),
        copts = TPA_TEST_COPTS,
        linkstatic = True,
        deps = deps + bench_deps + ["@tpa//bazel:prelude"],
    )
    cc_binary(
        name = name + "_bench",
        testonly = True,
        srcs = benches,
        copts = TPA_BENCH_COPTS,
        deps = deps + bench_deps + [
            ":%s_bench_support" % name,
            "@benchmark",
            "@tpa//bazel:prelude",
        ],
    )

def tpa_crate(
        name,
        deps = [],
        test_deps = [],
        bench_deps = [],
        visibility = None,
        test_tags = [],
        linkopts = [],
        cxx_headers = [],
        srcs = []):
    """Declares the targets of one crate.

    Makes :<name> (the library), :<name>_include (its public headers alone, for another
    implementation of them), :<name>_internal (its private headers, for its own tests and the
    fuzzers), one test for each test/*_test.c, :<name>_headers_test (each public header compiles
    alone), :<name>_test_support_sources (what the tests share, for the fuzzers) and, where bench/
    has anything, :<name>_bench.

    Args:
      name: the crate's name, which is also its directory's.
      deps: what the library depends on; the edges of docs/architecture.md.
      test_deps: what its tests need on top.
      bench_deps: what its benchmarks need on top.
      visibility: who may depend on the library; nobody outside the package if absent.
      test_tags: Bazel tags of its tests.
      linkopts: linker options of every program that uses it.
      cxx_headers: public headers that must compile as C++ too.
      srcs: sources outside src/, such as a folder of alternatives.
    """
    headers = native.glob(["include/**/*.h"])
    private = ["//visibility:private"]

    _include_root(
        name = name + "_include",
        directory = "include",
        hdrs = headers,
        visibility = visibility if visibility else private,
    )
    cc_library(
        name = name,
        srcs = native.glob(["src/**/*.c", "src/**/*.h"]) + srcs,
        hdrs = headers,
        copts = TPA_COPTS,
        linkopts = linkopts,
        linkstatic = True,
        visibility = visibility if visibility else private,
        deps = deps + [":%s_include" % name, "@tpa//bazel:prelude"],
    )

    _include_root(
        name = name + "_internal_include",
        testonly = True,
        directory = "src",
        hdrs = native.glob(["src/**/*.h"]),
        visibility = private,
    )
    cc_library(
        name = name + "_internal",
        testonly = True,
        hdrs = native.glob(["src/**/*.h"]),
        visibility = ["//fuzz:__pkg__"],
        deps = [":" + name, ":%s_internal_include" % name],
    )

    own = [":" + name, ":%s_internal" % name] + deps
    _headers_test(name, headers, cxx_headers, test_tags)
    _tests(name, own, test_deps, test_tags)
    _bench(name, own, bench_deps)

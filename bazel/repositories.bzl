"""The external repositories of tpa: all of them stand on this machine, none is fetched.

A workspace that depends on tpa with local_repository() calls tpa_repositories() in its own
WORKSPACE, and needs the .bazelrc lines of examples/consumer.
"""

def _local_rules_impl(ctx):
    ctx.symlink(Label("//bazel:rules_cc_defs.bzl"), "cc/defs.bzl")
    ctx.file("WORKSPACE", "workspace(name = \"rules_cc\")\n")
    ctx.file("BUILD", "")
    ctx.file("cc/BUILD", ctx.read(Label("//bazel:rules_cc.BUILD")))

_local_rules_cc = repository_rule(
    implementation = _local_rules_impl,
    local = True,
    doc = "rules_cc as Bazel 4.2.3 needs it: Debian's own is too new for it.",
)

def _system_packages():
    """Libraries of the Linux distribution, found under /usr."""
    for name in ["dpdk", "urcu", "criterion", "benchmark"]:
        if not native.existing_rule(name):
            native.new_local_repository(
                name = name,
                build_file = "@tpa//bazel:%s.BUILD" % name,
                path = "/usr",
            )

def tpa_repositories():
    """Declares everything that building and testing tpa needs."""
    if not native.existing_rule("rules_cc"):
        _local_rules_cc(name = "rules_cc")
    for name, path in {
        "bazel_skylib": "/usr/share/bazel/tools/skylib",
        "rules_java": "/usr/share/bazel/rules/java",
        "rules_proto": "/usr/share/bazel/rules/proto",
    }.items():
        if not native.existing_rule(name):
            native.local_repository(name = name, path = path)

    # Bazel asks for it as soon as a test is built; there is nothing in it that C needs.
    if not native.existing_rule("remote_coverage_tools"):
        native.new_local_repository(
            name = "remote_coverage_tools",
            build_file_content = """
filegroup(
    name = "coverage_report_generator",
    visibility = ["//visibility:public"],
)
""",
            path = "/usr/share/bazel/tools",
        )
    _system_packages()

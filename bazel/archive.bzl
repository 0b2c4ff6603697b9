"""One static archive, and one shared library, of many crates.

A cc_library's archive holds its own objects only, and this Bazel has no cc_static_library.
"""

load("@bazel_tools//tools/cpp:toolchain_utils.bzl", "find_cpp_toolchain")

def _is_crate(linker_input, label):
    owner = linker_input.owner
    return owner.workspace_name == label.workspace_name and owner.package.startswith("libs/")

def _crate_inputs(ctx):
    merged = cc_common.merge_cc_infos(cc_infos = [dep[CcInfo] for dep in ctx.attr.deps])
    inputs = merged.linking_context.linker_inputs.to_list()
    return (
        [linker_input for linker_input in inputs if _is_crate(linker_input, ctx.label)],
        [linker_input for linker_input in inputs if not _is_crate(linker_input, ctx.label)],
        merged.compilation_context,
    )

def _named_objects(ctx, linker_inputs):
    """The objects, each under a name that tells its crate: two crates may have an input.o."""
    named = []
    for linker_input in linker_inputs:
        crate = linker_input.owner.package[len("libs/"):].replace("/", "_")
        for library in linker_input.libraries:
            for source in library.pic_objects or library.objects:
                stem = source.basename.split(".")[0]
                path = "%s_objects/%s_%s.o" % (ctx.label.name, crate, stem)
                target = ctx.actions.declare_file(path)
                ctx.actions.symlink(output = target, target_file = source)
                named.append(target)
    return named

def _archive_impl(ctx):
    crates, others, compilation_context = _crate_inputs(ctx)
    toolchain = find_cpp_toolchain(ctx)
    features = cc_common.configure_features(ctx = ctx, cc_toolchain = toolchain)
    objects = _named_objects(ctx, crates)

    archive = ctx.actions.declare_file("lib%s.a" % ctx.label.name)
    arguments = ctx.actions.args()
    arguments.add("rcsD")
    arguments.add(archive)
    arguments.add_all(objects)
    ctx.actions.run(
        executable = toolchain.ar_executable,
        arguments = [arguments],
        inputs = depset(objects, transitive = [toolchain.all_files]),
        outputs = [archive],
        mnemonic = "TpaArchive",
        progress_message = "Archiving %s" % archive.short_path,
    )

    library = cc_common.create_library_to_link(
        actions = ctx.actions,
        alwayslink = ctx.attr.alwayslink,
        cc_toolchain = toolchain,
        feature_configuration = features,
        pic_static_library = archive,
    )
    own_input = cc_common.create_linker_input(
        libraries = depset([library]),
        owner = ctx.label,
        user_link_flags = depset([
            flag
            for linker_input in crates
            for flag in linker_input.user_link_flags
        ]),
    )
    return [
        DefaultInfo(files = depset([archive]), runfiles = ctx.runfiles(files = [archive])),
        CcInfo(
            compilation_context = compilation_context,
            linking_context = cc_common.create_linking_context(
                linker_inputs = depset([own_input] + others, order = "topological"),
            ),
        ),
    ]

tpa_archive = rule(
    implementation = _archive_impl,
    attrs = {
        "alwayslink": attr.bool(doc = "Whoever links it gets all of its objects."),
        "deps": attr.label_list(mandatory = True, providers = [CcInfo]),
        "_cc_toolchain": attr.label(default = "@bazel_tools//tools/cpp:current_cc_toolchain"),
    },
    doc = """lib<name>.a with the objects of deps and of every crate below them.

    As a dependency it also brings what these crates need from outside, DPDK's drivers among it.
    """,
    fragments = ["cpp"],
    provides = [CcInfo],
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
)

def _pkgconfig_impl(ctx):
    _, others, _ = _crate_inputs(ctx)
    flags = [flag for linker_input in others for flag in linker_input.user_link_flags]
    ctx.actions.expand_template(
        template = ctx.file.template,
        output = ctx.outputs.out,
        substitutions = {
            "@private_libs@": " ".join(flags),
            "@version@": ctx.attr.version,
        },
    )

tpa_pkgconfig = rule(
    implementation = _pkgconfig_impl,
    attrs = {
        "deps": attr.label_list(mandatory = True, providers = [CcInfo]),
        "out": attr.output(mandatory = True),
        "template": attr.label(mandatory = True, allow_single_file = True),
        "version": attr.string(mandatory = True),
    },
    doc = "A .pc file that names the same libraries from outside as the build itself links.",
)

"""clang-tidy over every C file, with the options it is compiled with: --config=tidy."""

def _own_c_sources(rule):
    sources = []
    for target in getattr(rule.attr, "srcs", []):
        for source in target.files.to_list():
            if source.extension == "c" and source.is_source:
                sources.append(source)
    return sources

def _compile_flags(ctx, context):
    # GCC's spelling of some options is unknown to clang; what it warns of is clang-tidy's business.
    flags = ["-Wno-everything" if flag == "-Werror" else flag for flag in ctx.rule.attr.copts]
    defines = context.defines.to_list() + context.local_defines.to_list()
    flags += ["-D" + define for define in defines]
    flags += ["-I" + path for path in context.includes.to_list()]
    flags += ["-iquote" + path for path in context.quote_includes.to_list()]
    for path in context.system_includes.to_list():
        flags += ["-isystem", path]
    return flags

def _context_of(target, ctx):
    # A test has no CcInfo to give, but its dependencies have.
    infos = [dep[CcInfo] for dep in ctx.rule.attr.deps if CcInfo in dep]
    if CcInfo in target:
        infos.append(target[CcInfo])
    return cc_common.merge_cc_infos(cc_infos = infos).compilation_context

def _tidy_impl(target, ctx):
    if ctx.label.workspace_name or not ctx.rule.kind in ["cc_library", "cc_binary", "cc_test"]:
        return []
    context = _context_of(target, ctx)
    private_headers = [
        header
        for source in ctx.rule.attr.srcs
        for header in source.files.to_list()
        if header.extension == "h"
    ]

    reports = []
    for source in _own_c_sources(ctx.rule):
        report = ctx.actions.declare_file("%s.%s.tidy" % (ctx.label.name, source.basename))
        arguments = ctx.actions.args()
        arguments.add(report)
        arguments.add(ctx.file._config)
        arguments.add(source)
        arguments.add_all(_compile_flags(ctx, context))
        ctx.actions.run(
            executable = ctx.executable._tidy,
            arguments = [arguments],
            inputs = depset(
                [source, ctx.file._config] + private_headers,
                transitive = [context.headers],
            ),
            outputs = [report],
            mnemonic = "ClangTidy",
            progress_message = "clang-tidy %s" % source.short_path,
            use_default_shell_env = True,
        )
        reports.append(report)
    return [OutputGroupInfo(tidy = depset(reports))]

clang_tidy = aspect(
    implementation = _tidy_impl,
    attrs = {
        "_config": attr.label(default = "//:.clang-tidy", allow_single_file = True),
        "_tidy": attr.label(default = "//bazel:clang_tidy", executable = True, cfg = "exec"),
    },
)

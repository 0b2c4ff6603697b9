#include <tpa/api/version.h>

/* The same as TPA_VERSION of bazel/crates.bzl, which libtpa.pc is made with; test/tool compares. */
const char *tpa_api_version(void)
{
    return "0.1.0";
}

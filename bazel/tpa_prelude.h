/*
 * Included before every source file of ours (see copts.bzl).
 *
 * DPDK's headers expect the configuration they were built with to be there first. Crates that don't
 * depend on DPDK don't have it on their include path, and get nothing.
 */
#ifndef TPA_PRELUDE_H
#define TPA_PRELUDE_H

#if __has_include(<rte_config.h>)
#include <rte_config.h>
#endif

#endif

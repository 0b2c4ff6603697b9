/*
 * Error values. Every crate returns 0 or a count on success and one of these on failure.
 *
 * They are not negated errno values, on purpose: the two name different things (many of these share
 * one errno), and a -errno that leaks out of a system call is recognised because it lies outside
 * the range.
 */
#ifndef TPA_BASE_ERROR_H
#define TPA_BASE_ERROR_H

#include <tpa/base/compiler.h>

TPA_BASE_DECLARATIONS_BEGIN

enum tpa_error {
    TPA_OK = 0,
    TPA_ENOMEM = -1001,     /* a pool or the allocator is exhausted; errno ENOMEM */
    TPA_EINVAL = -1002,     /* an argument is outside what the call documents; EINVAL */
    TPA_EAGAIN = -1003,     /* nothing to do now, try again after an event; EAGAIN */
    TPA_EEXIST = -1004,     /* the entry is there already; EEXIST */
    TPA_ENOENT = -1005,     /* no such entry; ENOENT */
    TPA_EBUSY = -1006,      /* in use by somebody else; EBUSY */
    TPA_ENOSPC = -1007,     /* a bounded table or queue is full; ENOSPC */
    TPA_ETRUNCATED = -1008, /* the input ends before the object does; EBADMSG */
    TPA_EMALFORMED = -1009, /* the input breaks the format's rules; EBADMSG */
    TPA_ECHECKSUM = -1010,  /* the input's checksum does not match; EBADMSG */
    TPA_EUNSUPPORTED =
        -1011, /* valid, but not implemented or not offered by the port; EOPNOTSUPP */
    TPA_EUNREACHABLE = -1012, /* no route, no neighbour, or an ICMP unreachable; EHOSTUNREACH */
    TPA_ETIMEDOUT = -1013,    /* the peer did not answer in time; ETIMEDOUT */
    TPA_ERESET = -1014,       /* the peer reset the connection; ECONNRESET */
    TPA_EREFUSED = -1015,     /* the peer refused the connection; ECONNREFUSED */
    TPA_ENOTCONN = -1016,     /* the connection is not established yet; ENOTCONN */
    TPA_EPIPE = -1017,        /* the sending side is closed; EPIPE */
    TPA_EADDRINUSE = -1018,   /* the address or port is taken; EADDRINUSE */
    TPA_EBADF = -1019,        /* the handle was closed; EBADF */
    TPA_ENFILE = -1020,       /* no free handle; ENFILE */
    TPA_EIO = -1021,          /* the device or a file failed; EIO */
    TPA_EPERM = -1022,        /* a privilege is missing; EPERM */
    TPA_ERANGE = -1023,       /* a number is too large or too small for its type; ERANGE */
    TPA_EMSGSIZE = -1024, /* larger than the MTU or than the buffer that was offered; EMSGSIZE */
};

/* The most negative value in use, for tests and for range checks. */
#define TPA_BASE_ERROR_LAST TPA_EMSGSIZE

/*
 * The errno value that stands for `error` at the public API. 0 for TPA_OK and for positive values
 * (counts). EINVAL for a negative number that is no enum tpa_error.
 */
int tpa_base_error_errno(int error);

/*
 * A text in English, without a full stop, never NULL, valid for ever. "success" for values >= 0,
 * "unknown error" for a negative number that is no enum tpa_error.
 */
const char *tpa_base_error_text(int error);

/*
 * The enum tpa_error for an errno value (as left by a failed system call; positive). TPA_OK for 0,
 * TPA_EIO for those without a counterpart.
 */
int tpa_base_error_from_errno(int errno_value);

TPA_BASE_DECLARATIONS_END

#endif

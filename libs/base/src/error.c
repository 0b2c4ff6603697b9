#include <errno.h>
#include <stdbool.h>

#include <tpa/base/error.h>

/* The errno that stands for an error, and the other way round: the first entry with an errno. */
static const struct {
    int errno_value;
    const char *text;
} errors[] = {
#define ENTRY(error, errno_value, text) [TPA_ENOMEM - (error)] = {errno_value, text}
    ENTRY(TPA_ENOMEM, ENOMEM, "out of memory"),
    ENTRY(TPA_EINVAL, EINVAL, "invalid argument"),
    ENTRY(TPA_EAGAIN, EAGAIN, "try again later"),
    ENTRY(TPA_EEXIST, EEXIST, "exists already"),
    ENTRY(TPA_ENOENT, ENOENT, "no such entry"),
    ENTRY(TPA_EBUSY, EBUSY, "in use"),
    ENTRY(TPA_ENOSPC, ENOSPC, "table or queue is full"),
    ENTRY(TPA_ETRUNCATED, EBADMSG, "input is truncated"),
    ENTRY(TPA_EMALFORMED, EBADMSG, "input is malformed"),
    ENTRY(TPA_ECHECKSUM, EBADMSG, "checksum does not match"),
    ENTRY(TPA_EUNSUPPORTED, EOPNOTSUPP, "not supported"),
    ENTRY(TPA_EUNREACHABLE, EHOSTUNREACH, "destination is unreachable"),
    ENTRY(TPA_ETIMEDOUT, ETIMEDOUT, "timed out"),
    ENTRY(TPA_ERESET, ECONNRESET, "connection reset by peer"),
    ENTRY(TPA_EREFUSED, ECONNREFUSED, "connection refused"),
    ENTRY(TPA_ENOTCONN, ENOTCONN, "not connected"),
    ENTRY(TPA_EPIPE, EPIPE, "sending side is closed"),
    ENTRY(TPA_EADDRINUSE, EADDRINUSE, "address is in use"),
    ENTRY(TPA_EBADF, EBADF, "handle is closed"),
    ENTRY(TPA_ENFILE, ENFILE, "no free handle"),
    ENTRY(TPA_EIO, EIO, "input or output failed"),
    ENTRY(TPA_EPERM, EPERM, "not permitted"),
    ENTRY(TPA_ERANGE, ERANGE, "number is out of range"),
    ENTRY(TPA_EMSGSIZE, EMSGSIZE, "message is too long"),
#undef ENTRY
};

TPA_BASE_STATIC_ASSERT(TPA_BASE_ARRAY_SIZE(errors) == TPA_ENOMEM - TPA_BASE_ERROR_LAST + 1,
                       "every error has its entry");

static bool is_known(int error)
{
    return error <= TPA_ENOMEM && error >= TPA_BASE_ERROR_LAST;
}

int tpa_base_error_errno(int error)
{
    if (error >= 0)
        return 0;
    return is_known(error) ? errors[TPA_ENOMEM - error].errno_value : EINVAL;
}

const char *tpa_base_error_text(int error)
{
    if (error >= 0)
        return "success";
    return is_known(error) ? errors[TPA_ENOMEM - error].text : "unknown error";
}

int tpa_base_error_from_errno(int errno_value)
{
    if (errno_value == 0)
        return TPA_OK;
    /* What open(2) says where we have one word. */
    if (errno_value == EACCES || errno_value == EROFS)
        return TPA_EPERM;
    if (errno_value == EMFILE)
        return TPA_ENFILE;
    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(errors); i++) {
        if (errors[i].errno_value == errno_value)
            return TPA_ENOMEM - (int)i;
    }
    return TPA_EIO;
}

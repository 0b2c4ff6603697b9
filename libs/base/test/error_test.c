#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>

#include <tpa/base/error.h>

Test(error, every_error_has_an_errno_and_a_text_of_its_own)
{
    for (int error = TPA_ENOMEM; error >= TPA_BASE_ERROR_LAST; error--) {
        cr_assert_gt(tpa_base_error_errno(error), 0, "%d", error);
        for (int other = TPA_ENOMEM; other > error; other--)
            cr_assert_str_neq(tpa_base_error_text(error), tpa_base_error_text(other));
        cr_assert_str_neq(tpa_base_error_text(error), "unknown error");
    }
}

Test(error, stands_for_the_errno_that_the_public_api_documents)
{
    static const struct {
        int error;
        int errno_value;
    } expected[] = {
        {TPA_EAGAIN, EAGAIN},
        {TPA_EINVAL, EINVAL},
        {TPA_EBADF, EBADF},
        {TPA_ENOTCONN, ENOTCONN},
        {TPA_EPIPE, EPIPE},
        {TPA_ENFILE, ENFILE},
        {TPA_EREFUSED, ECONNREFUSED},
        {TPA_ERESET, ECONNRESET},
        {TPA_ETIMEDOUT, ETIMEDOUT},
        {TPA_EADDRINUSE, EADDRINUSE},
        {TPA_EBUSY, EBUSY},
        {TPA_ENOMEM, ENOMEM},
        {TPA_EUNREACHABLE, EHOSTUNREACH},
        {TPA_EPERM, EPERM},
        {TPA_EMALFORMED, EBADMSG},
    };

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(expected); i++)
        cr_assert_eq(tpa_base_error_errno(expected[i].error), expected[i].errno_value, "%s",
                     tpa_base_error_text(expected[i].error));
}

Test(error, counts_and_success_are_no_errors)
{
    cr_assert_eq(tpa_base_error_errno(TPA_OK), 0);
    cr_assert_eq(tpa_base_error_errno(17), 0);
    cr_assert_str_eq(tpa_base_error_text(17), "success");
}

Test(error, what_is_none_of_ours_is_recognised)
{
    static const int strangers[] = {-1, -EAGAIN, -1000, TPA_BASE_ERROR_LAST - 1, -2147483647 - 1};

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(strangers); i++) {
        cr_assert_eq(tpa_base_error_errno(strangers[i]), EINVAL);
        cr_assert_str_eq(tpa_base_error_text(strangers[i]), "unknown error");
    }
}

Test(error, comes_back_from_its_errno_where_that_is_not_shared)
{
    for (int error = TPA_ENOMEM; error >= TPA_BASE_ERROR_LAST; error--) {
        if (tpa_base_error_errno(error) != EBADMSG)
            cr_assert_eq(tpa_base_error_from_errno(tpa_base_error_errno(error)), error);
    }
    cr_assert_eq(tpa_base_error_from_errno(0), TPA_OK);
    cr_assert_eq(tpa_base_error_from_errno(EACCES), TPA_EPERM);
    cr_assert_eq(tpa_base_error_from_errno(EMFILE), TPA_ENFILE);
    cr_assert_eq(tpa_base_error_from_errno(EXDEV), TPA_EIO);
}

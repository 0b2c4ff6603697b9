/* Filling in a struct tpa_cfg_error. All of these clear file and line. */
#ifndef TPA_CFG_FAIL_H
#define TPA_CFG_FAIL_H

#include <tpa/cfg/error.h>

/* The texts come out without control characters. Each returns `code`. */
int tpa_cfg_fail(struct tpa_cfg_error *error, int code, const char *format, ...)
    TPA_BASE_PRINTF(3, 4);
void tpa_cfg_fail_hint(struct tpa_cfg_error *error, const char *format, ...) TPA_BASE_PRINTF(2, 3);
void tpa_cfg_fail_at(struct tpa_cfg_error *error, const char *file, uint32_t line);

#endif

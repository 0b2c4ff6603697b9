/*
 * Numbers, addresses, sizes and times from text and back. Strict: the whole text must be the value,
 * without blanks, signs or junk around it, and what does not fit is an error.
 *
 * Each call reads `length` characters at `text` (which may contain a NUL: it is junk), or up to the
 * NUL if `length` is TPA_BASE_PARSE_NUL. On an error the result is left unchanged. Errors:
 *   TPA_EMALFORMED  empty, or not of this form
 *   TPA_ERANGE      of this form, but too large for the result
 */
#ifndef TPA_BASE_PARSE_H
#define TPA_BASE_PARSE_H

#include <stddef.h>
#include <stdint.h>

#include <tpa/base/compiler.h>

TPA_BASE_DECLARATIONS_BEGIN

#define TPA_BASE_PARSE_NUL SIZE_MAX

/* Room for the texts that the format calls make, with the NUL. */
#define TPA_BASE_IPV4_TEXT 16
#define TPA_BASE_IPV6_TEXT 46
#define TPA_BASE_MAC_TEXT  18
#define TPA_BASE_SIZE_TEXT 24
#define TPA_BASE_TIME_TEXT 24

/* Decimal, or hexadecimal after 0x. Leading zeros are allowed and mean nothing (no octal). */
int tpa_base_parse_u64(const char *text, size_t length, uint64_t *value) TPA_BASE_MUST_CHECK;

/* The same, with a value above `maximum` an error (TPA_ERANGE). */
int tpa_base_parse_u64_max(const char *text, size_t length, uint64_t maximum,
                           uint64_t *value) TPA_BASE_MUST_CHECK;

/* Decimal or 0x, with an optional '-' in front. */
int tpa_base_parse_i64(const char *text, size_t length, int64_t *value) TPA_BASE_MUST_CHECK;

/*
 * Bytes: an unsigned decimal number with an optional unit B, K, M, G (1, 2^10, 2^20, 2^30; also KB,
 * MB, GB, and in small letters). Bare = bytes.
 */
int tpa_base_parse_size(const char *text, size_t length, uint64_t *bytes) TPA_BASE_MUST_CHECK;

/* Nanoseconds: an unsigned decimal number with an optional unit us, ms, s, m (minutes), h. Bare =
 * us. */
int tpa_base_parse_time(const char *text, size_t length, uint64_t *nanoseconds) TPA_BASE_MUST_CHECK;

/* Dotted quad, four decimal numbers without leading zeros; the result is in network order. */
int tpa_base_parse_ipv4(const char *text, size_t length, uint32_t *ipv4_be) TPA_BASE_MUST_CHECK;

/* An IPv6 literal (RFC 4291 section 2.2), also with a dotted quad at its end; no zone. Result in
 * network order. */
int tpa_base_parse_ipv6(const char *text, size_t length, uint8_t ipv6[16]) TPA_BASE_MUST_CHECK;

/* An IPv6 literal with an optional "/0".."/128". Without one *prefix_length becomes 128. */
int tpa_base_parse_ipv6_prefix(const char *text, size_t length, uint8_t ipv6[16],
                               unsigned *prefix_length) TPA_BASE_MUST_CHECK;

/*
 * An IPv4 netmask, dotted quad or a prefix length "0".."32" (a '/' in front is allowed). The result
 * is the prefix length. A mask with a hole is TPA_EMALFORMED.
 */
int tpa_base_parse_ipv4_mask(const char *text, size_t length,
                             unsigned *prefix_length) TPA_BASE_MUST_CHECK;

/* Six hexadecimal numbers of one or two digits, all separated by ':' or all by '-'. */
int tpa_base_parse_mac(const char *text, size_t length, uint8_t mac[6]) TPA_BASE_MUST_CHECK;

/* Each writes NUL-terminated text that its parse call reads back to the same value; returns the
 * length without NUL. */
size_t tpa_base_format_ipv4(uint32_t ipv4_be, char text[TPA_BASE_IPV4_TEXT]);
/* RFC 5952: shortest form, small letters, "::" for the longest run of zeros; v4-mapped: a quad. */
size_t tpa_base_format_ipv6(const uint8_t ipv6[16], char text[TPA_BASE_IPV6_TEXT]);
size_t tpa_base_format_mac(const uint8_t mac[6], char text[TPA_BASE_MAC_TEXT]);
/* With the largest unit that divides the value: 1536 -> "1536B", 16384 -> "16KB". */
size_t tpa_base_format_size(uint64_t bytes, char text[TPA_BASE_SIZE_TEXT]);
/* With the largest unit that divides the value; below a microsecond it is rounded down. 60e9 ->
 * "1m". */
size_t tpa_base_format_time(uint64_t nanoseconds, char text[TPA_BASE_TIME_TEXT]);

TPA_BASE_DECLARATIONS_END

#endif

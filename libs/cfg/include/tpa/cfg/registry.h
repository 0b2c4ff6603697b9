/*
 * Registry: options by name, with types, defaults and bounds, that live in a structure of the
 * caller's.
 *
 * A table of descriptions says where in the structure each option stands. Setting an option parses
 * its text and stores the value; whoever uses the options reads plain fields. Nothing is allocated,
 * nothing is global. A registry has one user at a time; a thread that reads fields while another
 * sets options sees whole words, but strings and lists may be torn: those are READONLY after the
 * start.
 *
 * Every value has a text that sets it again: what get and dump write, set and load read back.
 */
#ifndef TPA_CFG_REGISTRY_H
#define TPA_CFG_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <tpa/base/address.h>
#include <tpa/base/compiler.h>
#include <tpa/cfg/error.h>

TPA_BASE_DECLARATIONS_BEGIN

#define TPA_CFG_NAME_SIZE     64   /* "section.option" or "section[n].option" with its NUL */
#define TPA_CFG_VALUE_SIZE    4096 /* text of any value with its NUL */
#define TPA_CFG_ADDRESSES_MAX 16   /* in a list: of one family, of one port */
#define TPA_CFG_ROUTES_MAX    32   /* in a list: of one port */
#define TPA_CFG_REPEAT_MAX    32   /* instances of a section: a bit each in a word */

enum tpa_cfg_type {
    TPA_CFG_INTEGER,    /* uint32_t; decimal or 0x; booleans are 0..1 */
    TPA_CFG_SIZE,       /* uint64_t bytes; units B K M G, also KB MB GB */
    TPA_CFG_TIME,       /* uint64_t ns; units us ms s m h; bare = us */
    TPA_CFG_STRING,     /* char[size] */
    TPA_CFG_IPV4,       /* struct tpa_base_address; "" = unspecified */
    TPA_CFG_IPV6,       /* the same */
    TPA_CFG_MASK,       /* struct tpa_cfg_mask; dotted or a length; "" = not given */
    TPA_CFG_MAC,        /* struct tpa_cfg_mac; "" = not given */
    TPA_CFG_IPV4_LIST,  /* struct tpa_cfg_prefix_list; addresses[/len], blanks or commas between */
    TPA_CFG_IPV6_LIST,  /* the same */
    TPA_CFG_ROUTE_LIST, /* struct tpa_cfg_route_list; "dst/len via gateway", commas between */
    TPA_CFG_PORT_RANGE, /* struct tpa_cfg_port_range; "first last" */
    TPA_CFG_SELECTOR,   /* which instance of its section; see struct tpa_cfg_repeat */
};

/* An address with the length of its subnet's prefix. */
struct tpa_cfg_prefix {
    struct tpa_base_address address;
    uint8_t length;  /* bits: 0..32 for IPv4, 0..128 for IPv6; 0 if not given */
    bool has_length; /* was the length given? */
};

struct tpa_cfg_prefix_list {
    uint32_t count;
    struct tpa_cfg_prefix entry[TPA_CFG_ADDRESSES_MAX];
};

struct tpa_cfg_route {
    struct tpa_base_address destination; /* bits behind the prefix are zero */
    struct tpa_base_address gateway;     /* of the same family */
    uint8_t length;                      /* bits: 0..32 for IPv4, 0..128 for IPv6 */
};

struct tpa_cfg_route_list {
    uint32_t count;
    struct tpa_cfg_route entry[TPA_CFG_ROUTES_MAX];
};

struct tpa_cfg_mask {
    uint8_t length; /* bits, 0..32 */
    bool is_set;
};

struct tpa_cfg_mac {
    uint8_t bytes[6];
    bool is_set;
};

struct tpa_cfg_port_range {
    uint16_t first; /* 1..65535 */
    uint16_t last;  /* not below first */
};

/*
 * A section that exists once for each of several things (ports). In a file the section is
 * instance 0 unless its first line is the selector ("port = 2"); in names, instance n > 0 is
 * written "net[n].ip".
 */
struct tpa_cfg_repeat {
    uint32_t maximum; /* instances, at most TPA_CFG_REPEAT_MAX */
    size_t stride;    /* bytes between the same option of two instances */
    size_t seen;      /* offset of a uint32_t: bit n = something of instance n was set */
};

enum tpa_cfg_flag {
    TPA_CFG_READONLY = 1 << 0, /* set at start only */
};

struct tpa_cfg_option {
    const char *name; /* "section.option" */
    const char *help; /* in a few words */
    enum tpa_cfg_type type;
    uint32_t flags;     /* enum tpa_cfg_flag */
    size_t offset;      /* in the structure, of instance 0 */
    size_t size;        /* bytes of the field */
    const char *preset; /* text of the default value */
    uint64_t minimum;   /* INTEGER, SIZE (bytes), TIME (ns) */
    uint64_t maximum;
    const char *word; /* a word that stands for `word_value`, which needn't be within the bounds */
    uint64_t word_value;                 /* ("auto"); NULL: none */
    const struct tpa_cfg_repeat *repeat; /* NULL: exists once */
};

struct tpa_cfg_registry {
    const struct tpa_cfg_option *options;
    uint32_t count;
    void *settings;
    bool is_started;
};

/*
 * Sets all options of all instances to their defaults.
 *
 * `options`:  `count` descriptions, kept by reference.
 * `settings`: the structure that they describe; kept by reference; zeroed first (`size` bytes).
 * TPA_EINVAL: a description that contradicts itself (a default that its own type refuses, a field
 * beyond the structure, ...): then `error` names it.
 */
int tpa_cfg_registry_init(struct tpa_cfg_registry *registry, const struct tpa_cfg_option *options,
                          uint32_t count, void *settings, size_t size, struct tpa_cfg_error *error);

/* From now on options that are READONLY can't be set. */
void tpa_cfg_registry_start(struct tpa_cfg_registry *registry);

/*
 * Finds an option.
 *
 * `name`:     "section.option" (instance 0) or "section[n].option".
 * `instance`: set to n; may be NULL.
 * Returns the description, or NULL: no such option, or no such instance.
 */
const struct tpa_cfg_option *tpa_cfg_find(const struct tpa_cfg_registry *registry, const char *name,
                                          uint32_t *instance);

/*
 * Sets an option from text. On an error the old value stays and `error` is filled in.
 *
 * `value`: as between the quotes of a file.
 * TPA_ENOENT (no such option), TPA_EPERM (READONLY after the start), TPA_EINVAL (the value).
 */
int tpa_cfg_set(struct tpa_cfg_registry *registry, const char *name, const char *value,
                struct tpa_cfg_error *error);

/*
 * An option's value as text, terminated. Returns its length; TPA_ENOENT (no such option),
 * TPA_ENOSPC (`size` too small: TPA_CFG_VALUE_SIZE is enough for all).
 */
int tpa_cfg_get(const struct tpa_cfg_registry *registry, const char *name, char *text, size_t size);

/*
 * Walks through all options; of a repeated section, through those instances of which something was
 * set, or instance 0 if there is none.
 *
 * `position`: 0 at first; moved on by each call.
 * `name`:     the option's full name.
 * `text`:     its value.
 * Returns the description, or NULL at the end.
 */
const struct tpa_cfg_option *tpa_cfg_next(const struct tpa_cfg_registry *registry,
                                          uint64_t *position, char name[TPA_CFG_NAME_SIZE],
                                          char text[TPA_CFG_VALUE_SIZE]);

/*
 * Writes all options as a configuration file that sets them again; `with_help`: with comments. A
 * repeated section of which nothing was set is written as a comment.
 * TPA_EIO: the stream failed; else 0.
 */
int tpa_cfg_dump(const struct tpa_cfg_registry *registry, bool with_help, FILE *stream);

TPA_BASE_DECLARATIONS_END

#endif

/* A small set of options of every type, in a registry. */
#ifndef TPA_CFG_TEST_TOY_H
#define TPA_CFG_TEST_TOY_H

#include <tpa/cfg/file.h>
#include <tpa/cfg/registry.h>

#define TOY_LANES 4

struct toy_lane {
    char name[16];
    uint32_t speed;
};

struct toy {
    uint32_t flag;
    uint32_t number;
    uint64_t size;
    uint64_t time;
    char text[16];
    char long_text[2000];
    struct tpa_base_address ip;
    struct tpa_base_address ip6;
    struct tpa_cfg_mask mask;
    struct tpa_cfg_mac mac;
    struct tpa_cfg_prefix_list ips;
    struct tpa_cfg_prefix_list ip6s;
    struct tpa_cfg_route_list routes;
    struct tpa_cfg_port_range range;
    uint32_t start_only;
    struct toy_lane lane[TOY_LANES];
    uint32_t lanes_seen;
};

/* The options "toy.flag", "toy.number" (from 5 to 4,000,000,000 or "many" = 7), ..., "lane.index"
 * (the selector), "lane.name", "lane.speed". */
extern const struct tpa_cfg_option toy_options[];
extern const uint32_t toy_option_count;

void toy_init(struct tpa_cfg_registry *registry, struct toy *toy);

/* Are all settings of both the same, byte for byte? */
bool toy_is_same(const struct toy *a, const struct toy *b);

/* Loads a text under the name "toy.cfg". */
int toy_load(struct tpa_cfg_registry *registry, const char *text, struct tpa_cfg_error *error);

#endif

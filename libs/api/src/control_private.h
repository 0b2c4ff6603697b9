/* What the parts of control share. */
#ifndef TPA_API_CONTROL_PRIVATE_H
#define TPA_API_CONTROL_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>

#include <tpa/netdev/impair.h>

#include "control.h"

#define TPA_API_CONTROL_WORDS_MAX 64
#define TPA_API_CONTROL_PORT_ANY  UINT32_MAX

struct tpa_api_control {
    struct tpa_api_instance *instance;
    struct tpa_cfg_registry *registry;
    struct tpa_cfg_options *options;
    /* What pktfuzz was told last, by port and direction: in force while pktfuzz.enable is set. */
    struct tpa_netdev_impairment impairment[TPA_API_PORTS_MAX][2];
};

/* A request on its way. */
struct tpa_api_request {
    struct tpa_api_control *control;
    char text[TPA_STATS_REQUEST_MAX + 1]; /* cut into words */
    char *word[TPA_API_CONTROL_WORDS_MAX];
    uint32_t count;
    uint32_t port; /* of a trailing "port N"; TPA_API_CONTROL_PORT_ANY = not given */
    char *answer;
    size_t size;
    uint64_t now;
};

/* Fills the answer, cut where it is too long, and returns `status`. */
int tpa_api_control_answer(struct tpa_api_request *request, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Appends a line to the answer. */
void tpa_api_control_add_line(struct tpa_api_request *request, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The word at a position; "" behind the last. */
const char *tpa_api_control_word(const struct tpa_api_request *request, uint32_t index);

/* The ports that the request is for: [*first, *end). */
void tpa_api_control_ports(const struct tpa_api_request *request, uint32_t *first, uint32_t *end);

/* A port's name in answers. */
const char *tpa_api_control_port_name(struct tpa_api_control *control, uint32_t port,
                                      char name[TPA_NETDEV_NAME_SIZE]);

/* The commands, by their first word. */
int tpa_api_control_cfg(struct tpa_api_request *request);
int tpa_api_control_pktfuzz(struct tpa_api_request *request);
int tpa_api_control_capture(struct tpa_api_request *request);
int tpa_api_control_neighbour(struct tpa_api_request *request);
int tpa_api_control_route(struct tpa_api_request *request);
int tpa_api_control_address(struct tpa_api_request *request);
int tpa_api_control_link(struct tpa_api_request *request);

/* Puts in force what pktfuzz was told, or nothing where pktfuzz.enable is 0. */
void tpa_api_control_impair(struct tpa_api_control *control);

#endif

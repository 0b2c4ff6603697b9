/*
 * pktfuzz, capture and link: what can be done to ports while they run.
 */
#include "control_private.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <tpa/base/clock.h>
#include <tpa/base/parse.h>
#include <tpa/netdev/capture.h>

/* ---- pktfuzz ---- */

void tpa_api_control_impair(struct tpa_api_control *control)
{
    static const struct tpa_netdev_impairment none;
    bool enabled = control->options->pktfuzz.enable != 0;

    for (uint32_t port = 0; port < control->instance->port_count; port++) {
        for (int direction = TPA_NETDEV_RX; direction <= TPA_NETDEV_TX; direction++)
            (void)tpa_netdev_impair_set(control->instance->ports[port].device,
                                        (enum tpa_netdev_direction)direction,
                                        enabled ? &control->impairment[port][direction] : &none);
    }
}

static void impairments_show(struct tpa_api_request *request)
{
    static char text[TPA_NETDEV_IMPAIRMENT_TEXT];
    static const char *const names[] = {"rx", "tx"};

    for (uint32_t port = 0; port < request->control->instance->port_count; port++) {
        for (int direction = TPA_NETDEV_RX; direction <= TPA_NETDEV_TX; direction++) {
            struct tpa_netdev_impairment impairment;
            char name[TPA_NETDEV_NAME_SIZE];

            tpa_netdev_impair_get(request->control->instance->ports[port].device,
                                  (enum tpa_netdev_direction)direction, &impairment);
            tpa_netdev_impairment_format(&impairment, text);
            tpa_api_control_add_line(request, "port %u %s %s: %s", port,
                                     tpa_api_control_port_name(request->control, port, name),
                                     names[direction], text);
        }
    }
}

/* Takes a trailing rx or tx off. The directions that are meant: [*first, *last]. */
static void directions_take(struct tpa_api_request *request, int *first, int *last)
{
    const char *word = tpa_api_control_word(request, request->count - 1);

    *first = TPA_NETDEV_RX;
    *last = TPA_NETDEV_TX;
    if (strcmp(word, "rx") == 0)
        *last = TPA_NETDEV_RX;
    else if (strcmp(word, "tx") == 0)
        *first = TPA_NETDEV_TX;
    else
        return;
    request->count--;
}

/* "drop", "1%", "delay=5ms" -> "drop=1% delay=5ms". False: a name without a value. */
static bool impairment_text(const struct tpa_api_request *request, char *text, size_t size)
{
    size_t used = 0;
    uint32_t i = 1;

    text[0] = '\0';
    while (i < request->count && used < size) {
        const char *word = request->word[i++];
        bool whole = strchr(word, '=') != NULL;

        if (!whole && i == request->count)
            return false;
        used += (size_t)snprintf(text + used, size - used, whole ? "%s " : "%s=%s ", word,
                                 whole ? "" : request->word[i]);
        i += !whole;
    }
    return used < size;
}

static int impairments_set(struct tpa_api_request *request, int first_direction, int last_direction)
{
    struct tpa_api_control *control = request->control;
    char text[2 * TPA_STATS_REQUEST_MAX] = "";
    char reason[TPA_NETDEV_REASON_SIZE] = "";
    struct tpa_netdev_impairment impairment;
    uint32_t first, end;
    int error;

    if (!impairment_text(request, text, sizeof(text)))
        return tpa_api_control_answer(request, TPA_EINVAL, "%s: its value is missing",
                                      request->word[request->count - 1]);
    error = tpa_netdev_impairment_parse(text, &impairment, reason);
    if (error != TPA_OK)
        return tpa_api_control_answer(request, error, "%s", reason);
    tpa_api_control_ports(request, &first, &end);
    for (uint32_t port = first; port < end; port++) {
        for (int direction = first_direction; direction <= last_direction; direction++)
            control->impairment[port][direction] = impairment;
    }
    control->options->pktfuzz.enable = 1;
    tpa_api_control_impair(control);
    impairments_show(request);
    return TPA_OK;
}

int tpa_api_control_pktfuzz(struct tpa_api_request *request)
{
    int first, last;

    if (request->count == 1 || (request->count == 2 && strcmp(request->word[1], "show") == 0)) {
        impairments_show(request);
        return TPA_OK;
    }
    directions_take(request, &first, &last);
    if (request->count == 2 && strcmp(request->word[1], "off") == 0)
        request->count = 1;
    else if (request->count == 1)
        return tpa_api_control_answer(request, TPA_EINVAL, "pktfuzz: what is to be done?");
    return impairments_set(request, first, last);
}

/* ---- Capture ---- */

static uint64_t wall_clock_offset(uint64_t now)
{
    struct timespec wall;

    clock_gettime(CLOCK_REALTIME, &wall);
    return (uint64_t)wall.tv_sec * TPA_BASE_SECOND + (uint64_t)wall.tv_nsec - now;
}

/* Each port has a file of its own: "FILE", or "FILE.<port>" where there are several. */
static int capture_start(struct tpa_api_control *control, uint32_t first, uint32_t end,
                         const struct tpa_netdev_capture_config *config,
                         struct tpa_api_request *request)
{
    for (uint32_t port = first; port < end; port++) {
        struct tpa_netdev_capture_config one = *config;
        char path[TPA_CFG_PATH_LENGTH + 16];
        int error;

        if (end - first > 1) {
            snprintf(path, sizeof(path), "%s.%u", config->path, port);
            one.path = path;
        }
        error = tpa_netdev_capture_start(control->instance->ports[port].device, &one);
        if (error == TPA_EBUSY)
            return tpa_api_control_answer(request, error, "port %u is being captured already",
                                          port);
        if (error != TPA_OK)
            return tpa_api_control_answer(request, error, "can't capture to %s: %s", one.path,
                                          tpa_base_error_text(error));
        tpa_api_control_add_line(request, "port %u: capturing to %s", port, one.path);
    }
    return TPA_OK;
}

static int capture_options(struct tpa_api_request *request,
                           struct tpa_netdev_capture_config *config)
{
    for (uint32_t i = 3; i < request->count; i += 2) {
        const char *value = tpa_api_control_word(request, i + 1);
        uint64_t bytes;

        if (tpa_base_parse_size(value, TPA_BASE_PARSE_NUL, &bytes) != TPA_OK || bytes == 0)
            return tpa_api_control_answer(request, TPA_EINVAL, "%s \"%s\": not a size",
                                          request->word[i], value);
        if (strcmp(request->word[i], "snap") == 0 && bytes <= UINT32_MAX)
            config->snap_length = (uint32_t)bytes;
        else if (strcmp(request->word[i], "size") == 0)
            config->size_limit = bytes;
        else
            return tpa_api_control_answer(request, TPA_EINVAL, "%s %s: not an option of capture",
                                          request->word[i], value);
    }
    return TPA_OK;
}

static int capture_begin(struct tpa_api_request *request)
{
    struct tpa_netdev_capture_config config = {
        .path = tpa_api_control_word(request, 2),
        .wall_clock_offset = wall_clock_offset(request->now),
    };
    uint32_t first, end;
    int error = capture_options(request, &config);

    if (error != TPA_OK)
        return error;
    tpa_api_control_ports(request, &first, &end);
    return capture_start(request->control, first, end, &config, request);
}

static int capture_end(struct tpa_api_request *request)
{
    uint32_t first, end;
    int result = TPA_ENOENT;

    tpa_api_control_ports(request, &first, &end);
    for (uint32_t port = first; port < end; port++) {
        int error = tpa_netdev_capture_stop(request->control->instance->ports[port].device);

        if (error == TPA_ENOENT)
            continue;
        if (error != TPA_OK)
            return tpa_api_control_answer(request, error,
                                          "port %u: the file ends early, writing it failed", port);
        result = TPA_OK;
    }
    if (result != TPA_OK)
        return tpa_api_control_answer(request, result, "nothing is being captured");
    return TPA_OK;
}

int tpa_api_control_capture(struct tpa_api_request *request)
{
    const char *verb = tpa_api_control_word(request, 1);

    if (strcmp(verb, "start") == 0 && request->count >= 3)
        return capture_begin(request);
    if (strcmp(verb, "stop") == 0 && request->count == 2)
        return capture_end(request);
    return tpa_api_control_answer(
        request, TPA_EINVAL,
        "capture start FILE [snap BYTES] [size BYTES] [port N] | capture stop [port N]");
}

void tpa_api_control_start(struct tpa_api_control *control)
{
    const struct tpa_cfg_capture *capture = &control->options->capture;
    struct tpa_netdev_capture_config config = {
        .path = capture->file,
        .snap_length = capture->snap_length,
        .size_limit = capture->size_limit,
        .wall_clock_offset = wall_clock_offset(tpa_base_clock_monotonic()),
    };
    char answer[TPA_API_REASON_SIZE] = "";
    struct tpa_api_request request = {.control = control, .answer = answer, .size = sizeof(answer)};
    int error = TPA_OK;

    if (capture->enable == 0)
        return;
    if (capture->file[0] == '\0')
        error = tpa_api_control_answer(&request, TPA_EINVAL, "capture.file is not set");
    else
        error = capture_start(control, 0, control->instance->port_count, &config, &request);
    if (error != TPA_OK)
        TPA_BASE_LOG_WARNING_LINE(control->instance->log, "capture.enable: %s", answer);
}

/* ---- Link ---- */

int tpa_api_control_link(struct tpa_api_request *request)
{
    const char *verb = tpa_api_control_word(request, 1);
    bool up = strcmp(verb, "up") == 0;
    uint32_t first, end;

    if ((!up && strcmp(verb, "down") != 0) || request->count != 2)
        return tpa_api_control_answer(request, TPA_EINVAL, "link up|down [port N]");
    tpa_api_control_ports(request, &first, &end);
    for (uint32_t port = first; port < end; port++) {
        struct tpa_api_port *entry = &request->control->instance->ports[port];
        int error = tpa_netdev_set_link(entry->device, up);

        if (error == TPA_OK)
            error = tpa_ip_interface_set_up(request->control->instance->ip, entry->interface, up);
        if (error != TPA_OK)
            return tpa_api_control_answer(request, error, "port %u: %s", port,
                                          tpa_base_error_text(error));
    }
    return TPA_OK;
}

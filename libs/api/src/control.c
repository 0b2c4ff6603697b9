#include "control_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tpa/base/parse.h>

#include "configure.h"
#include "export.h"

static const struct command {
    const char *name;
    int (*run)(struct tpa_api_request *request);
} commands[] = {
    {"cfg", tpa_api_control_cfg},         {"pktfuzz", tpa_api_control_pktfuzz},
    {"capture", tpa_api_control_capture}, {"neigh", tpa_api_control_neighbour},
    {"route", tpa_api_control_route},     {"address", tpa_api_control_address},
    {"link", tpa_api_control_link},
};

struct tpa_api_control *tpa_api_control_create(struct tpa_api_instance *instance,
                                               struct tpa_cfg_registry *registry,
                                               struct tpa_cfg_options *options)
{
    struct tpa_api_control *control = calloc(1, sizeof(*control));

    if (control == NULL)
        return NULL;
    control->instance = instance;
    control->registry = registry;
    control->options = options;
    return control;
}

void tpa_api_control_destroy(struct tpa_api_control *control)
{
    free(control);
}

/* ---- Answers ---- */

int tpa_api_control_answer(struct tpa_api_request *request, int status, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(request->answer, request->size, format, arguments);
    va_end(arguments);
    return status;
}

void tpa_api_control_add_line(struct tpa_api_request *request, const char *format, ...)
{
    size_t used = strlen(request->answer);
    va_list arguments;

    if (used > 0 && used + 1 < request->size)
        request->answer[used++] = '\n';
    va_start(arguments, format);
    vsnprintf(request->answer + used, request->size - used, format, arguments);
    va_end(arguments);
}

const char *tpa_api_control_word(const struct tpa_api_request *request, uint32_t index)
{
    return index < request->count ? request->word[index] : "";
}

void tpa_api_control_ports(const struct tpa_api_request *request, uint32_t *first, uint32_t *end)
{
    *first = request->port == TPA_API_CONTROL_PORT_ANY ? 0 : request->port;
    *end = request->port == TPA_API_CONTROL_PORT_ANY ? request->control->instance->port_count
                                                     : request->port + 1;
}

const char *tpa_api_control_port_name(struct tpa_api_control *control, uint32_t port,
                                      char name[TPA_NETDEV_NAME_SIZE])
{
    struct tpa_netdev_info info;

    tpa_netdev_info(control->instance->ports[port].device, &info);
    memcpy(name, info.name, TPA_NETDEV_NAME_SIZE);
    return name;
}

/* ---- Requests ---- */

/* Cuts a text into words. False: a quote without its end, or too many. */
static bool words_split(struct tpa_api_request *request)
{
    char *at = request->text;

    for (;;) {
        bool quoted;

        at += strspn(at, " \t");
        if (*at == '\0')
            return true;
        if (request->count == TPA_API_CONTROL_WORDS_MAX)
            return false;
        quoted = *at == '"';
        at += quoted;
        request->word[request->count++] = at;
        at += strcspn(at, quoted ? "\"" : " \t");
        if (quoted && *at == '\0')
            return false;
        if (*at != '\0')
            *at++ = '\0';
    }
}

/* Takes "port N" off the end. 0, or TPA_EINVAL with the answer. */
static int port_take(struct tpa_api_request *request)
{
    uint32_t ports = request->control->instance->port_count;
    uint64_t port;

    request->port = TPA_API_CONTROL_PORT_ANY;
    if (request->count < 3 || strcmp(request->word[request->count - 2], "port") != 0)
        return TPA_OK;
    if (tpa_base_parse_u64_max(request->word[request->count - 1], TPA_BASE_PARSE_NUL, UINT32_MAX,
                               &port) != TPA_OK ||
        port >= ports)
        return tpa_api_control_answer(request, TPA_EINVAL, "port %s: there are %u, from 0 on",
                                      request->word[request->count - 1], ports);
    request->port = (uint32_t)port;
    request->count -= 2;
    return TPA_OK;
}

static int request_run(struct tpa_api_request *request)
{
    int error;

    if (!words_split(request) || request->count == 0)
        return tpa_api_control_answer(request, TPA_EINVAL,
                                      "a request is made of words; a \" needs its second one");
    error = port_take(request);
    if (error != TPA_OK)
        return error;
    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(commands); i++) {
        if (strcmp(request->word[0], commands[i].name) == 0)
            return commands[i].run(request);
    }
    return tpa_api_control_answer(request, TPA_EUNSUPPORTED, "%s: not known to this instance",
                                  request->word[0]);
}

int tpa_api_control_run(struct tpa_api_control *control, const char *request, char *answer,
                        size_t size, uint64_t now)
{
    struct tpa_api_request read = {.control = control, .answer = answer, .size = size, .now = now};

    answer[0] = '\0';
    if (strlen(request) >= sizeof(read.text))
        return tpa_api_control_answer(&read, TPA_EINVAL, "the request is too long");
    memcpy(read.text, request, strlen(request) + 1);
    return request_run(&read);
}

struct turn {
    struct tpa_api_control *control;
    uint64_t now;
};

static int handle(void *context, const char *request, char *answer, size_t size)
{
    const struct turn *turn = context;

    return tpa_api_control_run(turn->control, request, answer, size, turn->now);
}

int tpa_api_control_poll(struct tpa_api_control *control, struct tpa_stats_mailbox *mailbox,
                         uint64_t now)
{
    struct turn turn = {.control = control, .now = now};

    return tpa_stats_mailbox_poll(mailbox, handle, &turn);
}

/* ---- Configuration ---- */

/* Options that can be set in a running instance are read from `options` or copied from there. */
static void options_apply(struct tpa_api_control *control)
{
    struct tpa_api_instance *instance = control->instance;
    const struct tpa_cfg_options *options = control->options;

    tpa_api_configure_tcp(options, &instance->tcp);
    instance->nagle = options->tcp.nodelay == 0;
    instance->listen_backlog = options->tcp.accept_backlog;
    instance->syn_backlog = options->tcp.syn_backlog;
    instance->orphans_max = options->tcp.orphans;
    instance->syn_cookies = (enum tpa_api_syn_cookies)options->tcp.syn_cookies;
    if (instance->log != NULL)
        __atomic_store_n(&instance->log->level, (int)options->log.level, __ATOMIC_RELAXED);
    tpa_api_control_impair(control);
    if (instance->export != NULL)
        tpa_api_export_options(instance->export);
}

static int option_fail(struct tpa_api_request *request, const struct tpa_cfg_error *error,
                       int status)
{
    char line[TPA_CFG_ERROR_LINE_SIZE];

    tpa_cfg_error_format(error, line, sizeof(line));
    return tpa_api_control_answer(request, status, "%s", line);
}

static int option_set(struct tpa_api_request *request)
{
    struct tpa_api_control *control = request->control;
    const char *name = request->word[2];
    char before[TPA_CFG_VALUE_SIZE];
    struct tpa_cfg_error error;
    int status;

    if (tpa_cfg_get(control->registry, name, before, sizeof(before)) < 0)
        before[0] = '\0';
    status = tpa_cfg_set(control->registry, name, request->word[3], &error);
    if (status < 0)
        return option_fail(request, &error, status);
    status = tpa_cfg_options_check(control->options, &error);
    if (status < 0) {
        struct tpa_cfg_error ignored;

        (void)tpa_cfg_set(control->registry, name, before, &ignored);
        return option_fail(request, &error, status);
    }
    options_apply(control);
    return TPA_OK;
}

static int option_get(struct tpa_api_request *request)
{
    int length =
        tpa_cfg_get(request->control->registry, request->word[2], request->answer, request->size);

    if (length >= 0)
        return TPA_OK;
    return tpa_api_control_answer(request, length, "invalid option name: %s", request->word[2]);
}

int tpa_api_control_cfg(struct tpa_api_request *request)
{
    const char *verb = tpa_api_control_word(request, 1);

    if (strcmp(verb, "set") == 0 && request->count == 4)
        return option_set(request);
    if (strcmp(verb, "get") == 0 && request->count == 3)
        return option_get(request);
    return tpa_api_control_answer(request, TPA_EINVAL, "cfg set NAME VALUE | cfg get NAME");
}

/*
 * neigh, route and address: tables of IP that can be changed while workers run.
 */
#include "control_private.h"

#include <string.h>

#include <tpa/base/parse.h>

static int refused(struct tpa_api_request *request, int error)
{
    return tpa_api_control_answer(request, error, "%s %s %s: %s", request->word[0],
                                  request->word[1], request->word[2], tpa_base_error_text(error));
}

/* The port that is meant where only one can be; without a port there is none. */
static int interface_of(struct tpa_api_request *request, uint8_t *interface)
{
    uint32_t port = request->port == TPA_API_CONTROL_PORT_ANY ? 0 : request->port;

    if (port >= request->control->instance->port_count)
        return tpa_api_control_answer(request, TPA_ENOENT, "this instance has no port");
    *interface = request->control->instance->ports[port].interface;
    return TPA_OK;
}

static int address_parse(struct tpa_api_request *request, const char *text,
                         struct tpa_base_address *address)
{
    if (tpa_base_address_parse(text, TPA_BASE_PARSE_NUL, address) == TPA_OK)
        return TPA_OK;
    return tpa_api_control_answer(request, TPA_EINVAL, "\"%s\" is no IP address", text);
}

/* "192.0.2.0/24" */
static int prefix_parse(struct tpa_api_request *request, const char *text,
                        struct tpa_base_address *address, uint8_t *length)
{
    const char *slash = strchr(text, '/');
    uint64_t bits;

    if (slash == NULL || tpa_base_address_parse(text, (size_t)(slash - text), address) != TPA_OK ||
        tpa_base_parse_u64_max(slash + 1, TPA_BASE_PARSE_NUL,
                               tpa_base_address_is_ipv4(address) ? 32 : 128, &bits) != TPA_OK)
        return tpa_api_control_answer(request, TPA_EINVAL, "\"%s\" is no address/length", text);
    *length = (uint8_t)bits;
    return TPA_OK;
}

static int neighbour_add(struct tpa_api_request *request)
{
    struct tpa_ip_neighbour neighbour = {.state = TPA_IP_NEIGHBOUR_PERMANENT};
    int error = address_parse(request, request->word[2], &neighbour.address);

    if (error == TPA_OK)
        error = interface_of(request, &neighbour.interface);
    if (error != TPA_OK)
        return error;
    if (tpa_base_parse_mac(request->word[3], TPA_BASE_PARSE_NUL, neighbour.mac) != TPA_OK)
        return tpa_api_control_answer(request, TPA_EINVAL, "\"%s\" is no MAC address",
                                      request->word[3]);
    error = tpa_ip_neighbour_set(request->control->instance->ip, &neighbour, request->now);
    return error == TPA_OK ? TPA_OK : refused(request, error);
}

static int neighbour_remove(struct tpa_api_request *request)
{
    struct tpa_base_address address;
    uint8_t interface = 0;
    int error = address_parse(request, request->word[2], &address);

    if (error == TPA_OK)
        error = interface_of(request, &interface);
    if (error != TPA_OK)
        return error;
    error = tpa_ip_neighbour_remove(request->control->instance->ip, interface, &address);
    return error == TPA_OK ? TPA_OK : refused(request, error);
}

int tpa_api_control_neighbour(struct tpa_api_request *request)
{
    const char *verb = tpa_api_control_word(request, 1);

    if (strcmp(verb, "add") == 0 && request->count == 4)
        return neighbour_add(request);
    if (strcmp(verb, "del") == 0 && request->count == 3)
        return neighbour_remove(request);
    return tpa_api_control_answer(request, TPA_EINVAL,
                                  "neigh add ADDRESS MAC [port N] | neigh del ADDRESS [port N]");
}

static int route_add(struct tpa_api_request *request)
{
    struct tpa_base_address destination;
    struct tpa_base_address gateway = {0};
    uint8_t length = 0, interface = 0;
    int error = prefix_parse(request, request->word[2], &destination, &length);

    if (error == TPA_OK && request->count == 5)
        error = address_parse(request, request->word[4], &gateway);
    if (error == TPA_OK)
        error = interface_of(request, &interface);
    if (error != TPA_OK)
        return error;
    error = tpa_ip_route_add(request->control->instance->ip, &destination, length,
                             request->count == 5 ? &gateway : NULL, interface);
    return error == TPA_OK ? TPA_OK : refused(request, error);
}

static int route_remove(struct tpa_api_request *request)
{
    struct tpa_base_address destination;
    uint8_t length = 0;
    int error = prefix_parse(request, request->word[2], &destination, &length);

    if (error != TPA_OK)
        return error;
    error = tpa_ip_route_remove(request->control->instance->ip, &destination, length);
    return error == TPA_OK ? TPA_OK : refused(request, error);
}

int tpa_api_control_route(struct tpa_api_request *request)
{
    const char *verb = tpa_api_control_word(request, 1);
    bool via = request->count == 5 && strcmp(request->word[3], "via") == 0;

    if (strcmp(verb, "add") == 0 && (request->count == 3 || via))
        return route_add(request);
    if (strcmp(verb, "del") == 0 && request->count == 3)
        return route_remove(request);
    return tpa_api_control_answer(
        request, TPA_EINVAL,
        "route add PREFIX/LENGTH [via GATEWAY] [port N] | route del PREFIX/LENGTH");
}

static int address_add(struct tpa_api_request *request)
{
    struct tpa_base_address address;
    uint8_t length = 0, interface = 0;
    int error = prefix_parse(request, request->word[2], &address, &length);

    if (error == TPA_OK)
        error = interface_of(request, &interface);
    if (error != TPA_OK)
        return error;
    error = tpa_ip_address_add(request->control->instance->ip, interface, &address, length);
    return error == TPA_OK ? TPA_OK : refused(request, error);
}

static int address_remove(struct tpa_api_request *request)
{
    struct tpa_base_address address;
    int error = address_parse(request, request->word[2], &address);

    if (error != TPA_OK)
        return error;
    error = tpa_ip_address_remove(request->control->instance->ip, &address);
    return error == TPA_OK ? TPA_OK : refused(request, error);
}

int tpa_api_control_address(struct tpa_api_request *request)
{
    const char *verb = tpa_api_control_word(request, 1);

    if (strcmp(verb, "add") == 0 && request->count == 3)
        return address_add(request);
    if (strcmp(verb, "del") == 0 && request->count == 3)
        return address_remove(request);
    return tpa_api_control_answer(request, TPA_EINVAL,
                                  "address add ADDRESS/LENGTH [port N] | address del ADDRESS");
}

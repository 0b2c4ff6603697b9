/*
 * tpa sk: the socks.
 */
#include "tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tpa/base/error.h>
#include <tpa/base/parse.h>
#include <tpa/tcp/connection.h>

#include "json.h"

static const char *state_text(const struct tpa_api_export_sock *sock)
{
    if (sock->kind == TPA_API_EXPORT_LISTENER)
        return "listen";
    return tpa_tcp_state_text((enum tpa_tcp_state)sock->state);
}

static void endpoints(const struct tpa_api_export_sock *sock, char local[TOOL_ENDPOINT_SIZE],
                      char remote[TOOL_ENDPOINT_SIZE])
{
    bool any = (sock->flags & TPA_API_EXPORT_SOCK_ANY_ADDRESS) != 0;

    tool_endpoint(&sock->local, sock->local_port, any, local);
    if (sock->kind == TPA_API_EXPORT_LISTENER)
        snprintf(remote, TOOL_ENDPOINT_SIZE, "*");
    else
        tool_endpoint(&sock->remote, sock->remote_port, false, remote);
}

static void print_more(const struct tpa_api_export_sock *sock)
{
    if (sock->kind == TPA_API_EXPORT_LISTENER) {
        printf("    waiting to be accepted: %u\n", sock->receive_queued);
        return;
    }
    if (sock->kind == TPA_API_EXPORT_TIME_WAIT) {
        printf("    snd_nxt %u  rcv_nxt %u  rcv_wnd %u\n", sock->snd_nxt, sock->rcv_nxt,
               sock->rcv_wnd);
        return;
    }
    printf("    snd_una %u  snd_nxt %u  in flight %u  queued %u  snd_wnd %u (scale %u)\n",
           sock->snd_una, sock->snd_nxt, sock->snd_nxt - sock->snd_una, sock->send_queued,
           sock->snd_wnd, sock->send_window_scale);
    printf("    rcv_nxt %u  unread %u  rcv_wnd %u (scale %u)\n", sock->rcv_nxt,
           sock->receive_queued, sock->rcv_wnd, sock->receive_window_scale);
    printf("    cwnd %u  ssthresh %u  mss %u  srtt %u us  rttvar %u us  rto %u us  "
           "retransmissions %u\n",
           sock->cwnd, sock->ssthresh, sock->mss, sock->srtt, sock->rttvar, sock->rto,
           sock->retransmissions);
    printf("    timestamps %s  sack %s  ecn %s  open for %.1f s%s%s\n",
           (sock->flags & TPA_API_EXPORT_SOCK_TIMESTAMPS) != 0 ? "on" : "off",
           (sock->flags & TPA_API_EXPORT_SOCK_SACK) != 0 ? "on" : "off",
           (sock->flags & TPA_API_EXPORT_SOCK_ECN) != 0 ? "on" : "off",
           sock->opened == 0 ? 0.0 : (double)tool_age(sock->opened) / 1e9,
           sock->error != 0 ? "  error: " : "",
           sock->error != 0 ? tpa_base_error_text(sock->error) : "");
}

static void print_sock(const struct tool *tool, const struct tpa_api_export_sock *sock)
{
    char local[TOOL_ENDPOINT_SIZE], remote[TOOL_ENDPOINT_SIZE], sid[16] = "-";

    endpoints(sock, local, remote);
    if (sock->sid >= 0)
        snprintf(sid, sizeof(sid), "%d", sock->sid);
    printf("sid=%s %s %s worker=%u %s%s%s\n", sid, local, remote, sock->worker, state_text(sock),
           (sock->flags & TPA_API_EXPORT_SOCK_GIVEN_UP) != 0 ? " (closed by the program)" : "",
           sock->kind == TPA_API_EXPORT_EMBRYO ? " (not accepted)" : "");
    if (tool->flag['v'])
        print_more(sock);
}

static void json_address(const char *name, const struct tpa_base_address *address)
{
    char text[TPA_BASE_ADDRESS_TEXT];

    tpa_base_address_format(address, text);
    json_text(name, text);
}

static void json_connection(const struct tpa_api_export_sock *sock)
{
    json_address("remote_ip", &sock->remote);
    json_number("remote_port", sock->remote_port);
    json_number("snd_una", sock->snd_una);
    json_number("snd_nxt", sock->snd_nxt);
    json_number("snd_wnd", sock->snd_wnd);
    json_number("rcv_nxt", sock->rcv_nxt);
    json_number("rcv_wnd", sock->rcv_wnd);
    json_number("cwnd", sock->cwnd);
    json_number("ssthresh", sock->ssthresh);
    json_number("mss", sock->mss);
    json_number("srtt_us", sock->srtt);
    json_number("rttvar_us", sock->rttvar);
    json_number("rto_us", sock->rto);
    json_number("send_queued", sock->send_queued);
    json_number("receive_queued", sock->receive_queued);
    json_number("retransmissions", sock->retransmissions);
    json_bool("timestamps", (sock->flags & TPA_API_EXPORT_SOCK_TIMESTAMPS) != 0);
    json_bool("sack", (sock->flags & TPA_API_EXPORT_SOCK_SACK) != 0);
    json_bool("ecn", (sock->flags & TPA_API_EXPORT_SOCK_ECN) != 0);
    json_bool("given_up", (sock->flags & TPA_API_EXPORT_SOCK_GIVEN_UP) != 0);
    json_bool("accepted", sock->kind != TPA_API_EXPORT_EMBRYO);
    if (sock->error != 0)
        json_text("error", tpa_base_error_text(sock->error));
}

static void json_sock(const struct tpa_api_export_sock *sock)
{
    json_object(NULL);
    json_signed("sid", sock->sid);
    json_number("worker", sock->worker);
    json_text("state", state_text(sock));
    if ((sock->flags & TPA_API_EXPORT_SOCK_ANY_ADDRESS) == 0)
        json_address("local_ip", &sock->local);
    json_number("local_port", sock->local_port);
    if (sock->kind == TPA_API_EXPORT_LISTENER)
        json_number("pending", sock->receive_queued);
    else
        json_connection(sock);
    json_object_end();
}

static bool is_wanted(const struct tool *tool, const struct tpa_api_export_sock *sock, int64_t sid)
{
    if (sock->kind == TPA_API_EXPORT_FREE)
        return false;
    if (sid >= 0)
        return sock->sid == sid;
    return tool->flag['a'] || (sock->kind == TPA_API_EXPORT_CONNECTION &&
                               sock->state != TPA_TCP_CLOSED && sock->state != TPA_TCP_TIME_WAIT);
}

static int print_region(struct tool *tool, const char *region, int64_t sid, uint64_t *printed)
{
    uint64_t count;
    struct tpa_api_export_sock *socks = tool_records(tool, region, sizeof(*socks), &count);

    if (socks == NULL)
        return TOOL_FAILED;
    for (uint64_t i = 0; i < count; i++) {
        if (!is_wanted(tool, &socks[i], sid))
            continue;
        ++*printed;
        if (tool->flag['j'])
            json_sock(&socks[i]);
        else
            print_sock(tool, &socks[i]);
    }
    free(socks);
    return TOOL_OK;
}

static int print_all(struct tool *tool, int64_t sid)
{
    uint64_t printed = 0;
    int result;

    if (tool->flag['j']) {
        tool_json_begin(tool);
        json_array("socks");
    }
    result = print_region(tool, TPA_API_EXPORT_REGION_SOCKS, sid, &printed);
    if (result == TOOL_OK && tool->flag['a'])
        result = print_region(tool, TPA_API_EXPORT_REGION_UNNUMBERED, sid, &printed);
    if (tool->flag['j']) {
        json_array_end();
        tool_json_end();
    }
    if (result == TOOL_OK && sid >= 0 && printed == 0)
        return tool_failed("%s has no sock %lld", tool->id, (long long)sid);
    return result;
}

int tool_sk(struct tool *tool)
{
    uint64_t number = 0;

    if (tool->argc > 1 ||
        (tool->argc == 1 &&
         tpa_base_parse_u64_max(tool->argv[0], TPA_BASE_PARSE_NUL, INT32_MAX, &number) != TPA_OK))
        return tool_misused(tool, "%s: not a sid", tool->argv[tool->argc - 1]);
    if (tool_open(tool) != TOOL_OK)
        return TOOL_FAILED;
    return print_all(tool, tool->argc == 1 ? (int64_t)number : -1);
}

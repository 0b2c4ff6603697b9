/* Congestion controls by name: options of a sock, tpa_sock_congestion_set. */
#include <tpa.h>
#include <tpa/tcp/congestion.h>

#include "call.h"
#include "sock.h"

int tpa_api_congestion_option(const struct tpa_sock_opts *opts,
                              const struct tpa_tcp_congestion **congestion)
{
    *congestion = NULL;
    if (opts == NULL || opts->congestion == NULL)
        return TPA_OK;
    *congestion = tpa_tcp_congestion_find(opts->congestion);
    return *congestion != NULL ? TPA_OK : TPA_EINVAL;
}

int tpa_sock_congestion_set(int sid, const char *name)
{
    const struct tpa_tcp_congestion *congestion = NULL;
    struct tpa_api_sock *sock;
    int error;

    if (name != NULL)
        congestion = tpa_tcp_congestion_find(name);
    if (congestion == NULL)
        return tpa_api_fail(TPA_EINVAL);
    sock = tpa_api_call_sock(sid, &error);
    if (sock == NULL)
        return tpa_api_fail(error);
    error = tpa_tcp_set_congestion(&sock->worker->tcp, &sock->tcp, congestion, sock->worker->now);
    return error == TPA_OK ? 0 : tpa_api_fail(error);
}

#include "configure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tpa/base/error.h>
#include <tpa/cfg/file.h>
#include <tpa/netdev/ethdev.h>
#include <tpa/netdev/loop.h>
#include <tpa/tcp/congestion.h>

enum {
    /* Half of what EAL takes by default without hugepages: some 240 MB. */
    POOL_PACKETS = 100000,
    POOL_PACKETS_MIN = 4096,
    POOL_OVERHEAD_BYTES = 512, /* of a buffer beyond its data: headroom, descriptor, private area */
    EAL_ARGS_SIZE = 2 * TPA_CFG_ARGS_LENGTH,
    PCI_MAX = 64,
};

static int refuse(char reason[TPA_API_REASON_SIZE], int error, const char *text)
{
    snprintf(reason, TPA_API_REASON_SIZE, "%s", text);
    return error;
}

int tpa_api_configure_read(struct tpa_cfg_registry *registry, struct tpa_cfg_options *options,
                           char reason[TPA_API_REASON_SIZE])
{
    static const char *const paths[] = {"./tpa.cfg", "/etc/tpa.cfg"};
    const char *text = getenv("TPA_CFG");
    struct tpa_cfg_error error;
    int result;

    tpa_cfg_options_init(registry, options);
    result = tpa_cfg_load_first(registry, paths, 2, &error);
    if (result >= 0 && text != NULL)
        result = tpa_cfg_load_text(registry, "TPA_CFG", text, strlen(text), &error);
    if (result >= 0)
        result = tpa_cfg_options_check(options, &error);
    if (result < 0) {
        char line[TPA_CFG_ERROR_LINE_SIZE];

        tpa_cfg_error_format(&error, line, sizeof(line));
        snprintf(reason, TPA_API_REASON_SIZE, "%.*s", TPA_API_REASON_SIZE - 1, line);
        return result;
    }
    return TPA_OK;
}

/* "a,b c" -> words; `text` is cut up. */
static size_t words_split(char *text, const char **words, size_t max)
{
    size_t count = 0;
    char *rest = text;
    char *word;

    while (count + 1 < max && (word = strtok_r(rest, ", \t", &rest)) != NULL)
        words[count++] = word;
    words[count] = NULL;
    return count;
}

/* A bond is one more virtual device, made of the members that net.bonding lists. */
static void bonding_args(const struct tpa_cfg_options *options, char *args, size_t size)
{
    for (uint32_t i = 0; i < TPA_CFG_PORTS_MAX; i++) {
        char members[TPA_CFG_ARGS_LENGTH];
        const char *words[16];
        size_t used = strlen(args);

        if (options->net[i].bonding[0] == '\0')
            continue;
        memcpy(members, options->net[i].bonding, sizeof(members));
        used += (size_t)snprintf(args + used, size - used, " --vdev=net_bonding%u,mode=1", i);
        for (size_t w = 0, n = words_split(members, words, 16); w < n && used < size; w++)
            used += (size_t)snprintf(args + used, size - used, ",slave=%s", words[w]);
    }
}

int tpa_api_configure_eal(const struct tpa_cfg_options *options, const char *program,
                          char reason[TPA_API_REASON_SIZE])
{
    char pci_text[TPA_CFG_PATH_LENGTH];
    char args[EAL_ARGS_SIZE];
    const char *pci[PCI_MAX];
    struct tpa_mem_eal_config config = {
        .program = program,
        .extra_args = args,
        .no_huge = options->mem.no_huge != 0,
    };
    int error;

    snprintf(args, sizeof(args), "%s", options->dpdk.extra_args);
    bonding_args(options, args, sizeof(args));
    memcpy(pci_text, options->dpdk.pci, sizeof(pci_text));
    if (words_split(pci_text, pci, PCI_MAX) > 0)
        config.pci = pci;
    if (options->dpdk.socket_mem[0] != '\0')
        config.socket_mem = options->dpdk.socket_mem;
    if (options->dpdk.mbuf_mem_size != TPA_CFG_BUDGET_AUTO)
        config.memory_size = options->dpdk.mbuf_mem_size + TPA_MEM_EAL_MEMORY_DEFAULT / 2;
    _Static_assert(TPA_MEM_EAL_REASON_SIZE <= TPA_API_REASON_SIZE, "one line");
    error = tpa_mem_eal_init(&config, reason);
    return error == TPA_EEXIST ? TPA_OK : error;
}

/* The name of port `index`: its own, or that of DPDK's n-th; NULL when there is none. */
static const char *port_name(const struct tpa_cfg_options *options, uint32_t index,
                             char bond[TPA_CFG_NAME_LENGTH])
{
    const struct tpa_cfg_net *net = &options->net[index];

    if (net->name[0] != '\0')
        return net->name;
    if (net->bonding[0] != '\0') {
        snprintf(bond, TPA_CFG_NAME_LENGTH, "net_bonding%u", index);
        return bond;
    }
    return tpa_netdev_ethdev_name((uint16_t)index);
}

static bool is_loop(const char *name)
{
    return strcmp(name, "loop") == 0;
}

int tpa_api_configure_pool(const struct tpa_cfg_options *options, struct tpa_mem_pool *pool,
                           char reason[TPA_API_REASON_SIZE])
{
    struct tpa_mem_pool_config config = {
        .name = "tpa",
        .packet_count = POOL_PACKETS,
        .data_size = TPA_MEM_POOL_DATA_SIZE_DEFAULT,
        .cache_size = options->dpdk.mbuf_cache_size,
    };
    char bond[TPA_CFG_NAME_LENGTH];
    int error;

    for (uint32_t i = 0; i < TPA_CFG_PORTS_MAX; i++) {
        const char *name = port_name(options, i, bond);
        uint32_t size;

        if ((options->net_seen & UINT32_C(1) << i) == 0 || name == NULL || is_loop(name))
            continue;
        size = tpa_netdev_ethdev_buffer_size(name, (uint16_t)options->net[i].mtu);
        if (size > config.data_size)
            config.data_size = size;
    }
    if (options->dpdk.mbuf_mem_size != TPA_CFG_BUDGET_AUTO)
        config.packet_count =
            (uint32_t)(options->dpdk.mbuf_mem_size / (config.data_size + POOL_OVERHEAD_BYTES));
    if (config.packet_count < POOL_PACKETS_MIN) {
        snprintf(reason, TPA_API_REASON_SIZE,
                 "dpdk.mbuf_mem_size: room for %u packet buffers, at least %u are needed",
                 config.packet_count, POOL_PACKETS_MIN);
        return TPA_EINVAL;
    }
    error = tpa_mem_pool_create(pool, &config);
    if (error != TPA_OK)
        snprintf(reason, TPA_API_REASON_SIZE,
                 "no memory for %u packet buffers of %u bytes: more hugepages, or a smaller "
                 "dpdk.mbuf_mem_size",
                 config.packet_count, config.data_size);
    return error;
}

void tpa_api_configure_tcp(const struct tpa_cfg_options *options, struct tpa_tcp_config *tcp)
{
    const struct tpa_cfg_tcp *from = &options->tcp;

    tcp->user_mss = (uint16_t)from->usr_snd_mss;
    tcp->segmentation = from->tso != 0;
    tcp->timestamps = from->opt_ts != 0;
    tcp->window_scale = from->opt_ws != 0;
    tcp->sack = from->opt_sack != 0;
    tcp->ecn = (uint8_t)from->ecn;
    tcp->ttl = (uint8_t)from->ttl;
    tcp->time_wait = from->time_wait;
    tcp->fin_wait_2 = from->fin_wait_2;
    tcp->orphan_timeout = from->orphan_timeout;
    tcp->keepalive = from->keepalive;
    tcp->keepalive_interval = from->keepalive_interval;
    tcp->keepalive_probes = (uint8_t)from->keepalive_probes;
    tcp->delayed_ack = from->delayed_ack;
    tcp->rto_min = from->rto_min;
    tcp->rto_max = from->rto_max;
    tcp->user_timeout = from->user_timeout;
    tcp->retries = (uint8_t)from->retries;
    tcp->syn_retries = (uint8_t)from->syn_retries;
    tcp->receive_queue_entries = from->rcv_queue_size;
    tcp->receive_buffer = (uint32_t)from->rcv_buffer_size;
    tcp->mtu_probing = (uint8_t)from->mtu_probing;
    tcp->receive_buffer_initial = (uint32_t)from->rcv_buffer_init;
    tcp->send_queue_entries = from->snd_queue_size;
    tcp->send_buffer = (uint32_t)from->snd_buffer_size;
    tcp->send_buffer_min = (uint32_t)from->snd_buffer_min;
    tcp->out_of_order_entries = from->rcv_ooo_limit;
    tcp->cwnd_initial = (uint32_t)from->cwnd_init;
    tcp->cwnd_max = (uint32_t)from->cwnd_max;
    tcp->write_chunk_size = (uint32_t)from->write_chunk_size;
    tcp->packet_segments_max = (uint16_t)from->pkt_max_chain;
}

/* ---- Ports ---- */

static struct tpa_api_port_config ports[TPA_CFG_PORTS_MAX];
static char port_names[TPA_CFG_PORTS_MAX][TPA_CFG_NAME_LENGTH];
static struct tpa_api_address_config addresses[TPA_CFG_PORTS_MAX][2 * TPA_CFG_ADDRESSES_MAX];
static struct tpa_api_route_config routes[TPA_CFG_PORTS_MAX][TPA_CFG_ROUTES_MAX + 2];

static void addresses_append(struct tpa_api_port_config *port,
                             struct tpa_api_address_config *storage, const struct tpa_cfg_net *net,
                             const struct tpa_cfg_prefix_list *list)
{
    for (uint32_t i = 0; i < list->count; i++) {
        storage[port->address_count].address = list->entry[i].address;
        storage[port->address_count].prefix_length =
            (uint8_t)tpa_cfg_prefix_length(net, &list->entry[i]);
        port->address_count++;
    }
    port->addresses = storage;
}

static void default_route_append(struct tpa_api_port_config *port,
                                 struct tpa_api_route_config *storage,
                                 const struct tpa_base_address *gateway)
{
    struct tpa_api_route_config *route = &storage[port->route_count];

    if (tpa_base_address_is_unspecified(gateway))
        return;
    memset(route, 0, sizeof(*route));
    if (tpa_base_address_is_ipv4(gateway))
        route->destination = tpa_base_address_from_ipv4(0);
    route->gateway = *gateway;
    port->route_count++;
}

static void routes_append(struct tpa_api_port_config *port, struct tpa_api_route_config *storage,
                          const struct tpa_cfg_net *net)
{
    port->routes = storage;
    default_route_append(port, storage, &net->gw);
    default_route_append(port, storage, &net->gw6);
    for (uint32_t i = 0; i < net->route.count; i++) {
        struct tpa_api_route_config *route = &storage[port->route_count++];

        route->destination = net->route.entry[i].destination;
        route->gateway = net->route.entry[i].gateway;
        route->prefix_length = net->route.entry[i].length;
    }
}

static int loop_open(const struct tpa_cfg_net *net, uint32_t worker_count,
                     struct tpa_mem_pool *pool, struct tpa_netdev **device,
                     char reason[TPA_API_REASON_SIZE])
{
    static const uint8_t mac[6] = {0x02, 0x74, 0x70, 0x61, 0x00, 0x01};
    struct tpa_netdev_loop_config config = {
        .queue_count = (uint16_t)worker_count,
        .mtu = (uint16_t)net->mtu,
        .pool = {pool, pool},
    };
    int error;

    memcpy(config.mac[0], net->mac.is_set ? net->mac.bytes : mac, 6);
    error = tpa_netdev_loop_create_self(&config, device);
    if (error != TPA_OK)
        snprintf(reason, TPA_API_REASON_SIZE, "port loop: %s", tpa_base_error_text(error));
    return error;
}

static int ethdev_open(const struct tpa_cfg_net *net, const char *name, uint32_t worker_count,
                       struct tpa_mem_pool *pool, struct tpa_netdev **device,
                       char reason[TPA_API_REASON_SIZE])
{
    struct tpa_netdev_ethdev_config config = {
        .name = name,
        .queue_count = (uint16_t)worker_count,
        .mtu = (uint16_t)net->mtu,
        .pool = pool,
        .mac = net->mac.is_set ? net->mac.bytes : NULL,
        .promiscuous = net->promiscuous != 0,
    };

    _Static_assert(TPA_NETDEV_REASON_SIZE <= TPA_API_REASON_SIZE, "one line");
    return tpa_netdev_ethdev_open(&config, device, reason);
}

static void ports_list(char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    for (uint16_t i = 0; i < tpa_netdev_ethdev_count() && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i > 0 ? ", " : "",
                                 tpa_netdev_ethdev_name(i));
}

static int port_missing(const struct tpa_cfg_options *options, uint32_t index,
                        char reason[TPA_API_REASON_SIZE])
{
    char found[TPA_API_REASON_SIZE / 2];

    ports_list(found, sizeof(found));
    if (found[0] == '\0' && options->dpdk.pci[0] != '\0')
        snprintf(reason, TPA_API_REASON_SIZE,
                 "DPDK finds no port at dpdk.pci = %.100s: is the address right, the driver one of "
                 "ours, and the device bound to vfio-pci?",
                 options->dpdk.pci);
    else if (found[0] == '\0')
        snprintf(reason, TPA_API_REASON_SIZE,
                 "there is no port: name one with dpdk.pci, or make one with dpdk.extra_args = "
                 "\"--vdev=...\", or use net.name = loop");
    else
        snprintf(reason, TPA_API_REASON_SIZE, "there is no port %u, only: %s", index, found);
    return TPA_ENOENT;
}

static int port_configure(const struct tpa_cfg_options *options, uint32_t index,
                          uint32_t worker_count, struct tpa_mem_pool *pool,
                          struct tpa_api_port_config *port, char reason[TPA_API_REASON_SIZE])
{
    const struct tpa_cfg_net *net = &options->net[index];
    char bond[TPA_CFG_NAME_LENGTH];
    const char *name = port_name(options, index, bond);
    int error;

    memset(port, 0, sizeof(*port));
    if (name == NULL)
        return port_missing(options, index, reason);
    if (net->ip.count + net->ip6.count == 0) {
        snprintf(reason, TPA_API_REASON_SIZE,
                 "port %s has no address: set net.ip (with net.mask) or net.ip6", name);
        return TPA_EINVAL;
    }
    snprintf(port_names[index], sizeof(port_names[index]), "%s", name);
    port->name = port_names[index];
    port->vlan = (uint16_t)net->vlan;
    if (net->mac.is_set)
        memcpy(port->mac, net->mac.bytes, 6);
    addresses_append(port, addresses[index], net, &net->ip);
    addresses_append(port, addresses[index], net, &net->ip6);
    routes_append(port, routes[index], net);
    if (is_loop(name))
        error = loop_open(net, worker_count, pool, &port->device, reason);
    else
        error = ethdev_open(net, name, worker_count, pool, &port->device, reason);
    return error;
}

static int ports_configure(const struct tpa_cfg_options *options, uint32_t worker_count,
                           struct tpa_mem_pool *pool, struct tpa_api_instance_config *config,
                           char reason[TPA_API_REASON_SIZE])
{
    config->ports = ports;
    for (uint32_t i = 0; i < TPA_CFG_PORTS_MAX; i++) {
        int error;

        if ((options->net_seen & UINT32_C(1) << i) == 0)
            continue;
        error = port_configure(options, i, worker_count, pool, &ports[config->port_count], reason);
        if (error != TPA_OK)
            return error;
        config->port_count++;
    }
    if (config->port_count == 0)
        return refuse(reason, TPA_EINVAL,
                      "no address is configured: set net.ip (with net.mask) or net.ip6 in tpa.cfg "
                      "or TPA_CFG");
    return TPA_OK;
}

void tpa_api_configure_close(struct tpa_api_instance_config *config)
{
    for (uint32_t i = 0; i < config->port_count; i++)
        tpa_netdev_close(ports[i].device);
    config->port_count = 0;
}

int tpa_api_configure_instance(const struct tpa_cfg_options *options, uint32_t worker_count,
                               struct tpa_mem_pool *pool, struct tpa_api_instance_config *config,
                               char reason[TPA_API_REASON_SIZE])
{
    int error;

    tpa_api_instance_config_default(config);
    config->worker_count = worker_count;
    config->pool = pool;
    tpa_api_configure_tcp(options, &config->tcp);
    config->tcp.congestion = tpa_tcp_congestion_find(options->tcp.congestion);
    if (config->tcp.congestion == NULL) {
        snprintf(reason, TPA_API_REASON_SIZE, "tcp.congestion: there is no algorithm \"%s\"",
                 options->tcp.congestion);
        return TPA_EINVAL;
    }
    config->nagle = options->tcp.nodelay == 0;
    config->sock_max = options->tcp.nr_max_sock;
    config->listen_backlog = options->tcp.accept_backlog;
    config->syn_backlog = options->tcp.syn_backlog;
    config->orphans_max = options->tcp.orphans;
    config->syn_cookies = (enum tpa_api_syn_cookies)options->tcp.syn_cookies;
    config->local_port_low = options->tcp.local_port_range.first;
    config->local_port_high = options->tcp.local_port_range.last;
    config->receive_budget = options->mem.rcv_budget;
    config->send_budget = options->mem.snd_budget;
    config->ip.fragments_memory = (uint32_t)options->mem.fragment_budget;
    config->ip.neighbours = options->mem.neighbours;
    error = ports_configure(options, worker_count, pool, config, reason);
    if (error != TPA_OK)
        tpa_api_configure_close(config);
    return error;
}

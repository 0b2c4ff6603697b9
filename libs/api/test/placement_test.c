#include <criterion/criterion.h>

#include <tpa/base/error.h>

#include "flow.h"
#include "placement.h"

enum {
    WORKERS = 4,
    PORT = 80
};

static const struct tpa_base_hash_key key = {.k0 = 1, .k1 = 2};
static struct tpa_api_placement placement;
static struct tpa_api_port_holds holds[WORKERS];

static void setup(void)
{
    cr_assert_eq(tpa_api_placement_init(&placement, WORKERS, NULL), TPA_OK);
    for (int i = 0; i < WORKERS; i++)
        cr_assert_eq(tpa_api_port_holds_init(&holds[i]), TPA_OK);
}

static void teardown(void)
{
    for (int i = 0; i < WORKERS; i++)
        tpa_api_port_holds_fini(&holds[i]);
    tpa_api_placement_fini(&placement);
}

TestSuite(placement, .init = setup, .fini = teardown);

static struct tpa_tcp_tuple tuple_of(uint16_t remote_port)
{
    return (struct tpa_tcp_tuple){
        .local = tpa_base_address_from_ipv4(0x0100000a),
        .remote = tpa_base_address_from_ipv4(0x0200000a),
        .local_port = PORT,
        .remote_port = remote_port,
    };
}

static int next_of(const struct tpa_tcp_tuple *tuple, uint32_t visited)
{
    return tpa_api_placement_next(&placement, tuple, tpa_api_flow_hash(&key, tuple), visited);
}

static uint32_t natural_of(const struct tpa_tcp_tuple *tuple)
{
    return tpa_api_placement_natural(&placement, tuple, tpa_api_flow_hash(&key, tuple));
}

Test(placement, spreads_over_all_workers)
{
    unsigned int count[WORKERS] = {0};

    for (uint16_t port = 1; port <= 4000; port++) {
        struct tpa_tcp_tuple tuple = tuple_of(port);

        count[natural_of(&tuple)]++;
    }
    for (int i = 0; i < WORKERS; i++)
        cr_assert(count[i] > 850 && count[i] < 1150, "worker %d has %u", i, count[i]);
}

Test(placement, follows_the_ports_steering_where_it_is_known)
{
    struct tpa_netdev_steering steering = {.key_length = TPA_BASE_TOEPLITZ_KEY_SIZE,
                                           .reta_size = WORKERS};
    struct tpa_api_placement steered;
    struct tpa_tcp_tuple tuple = tuple_of(1);

    memcpy(steering.key, tpa_base_toeplitz_default_key, TPA_BASE_TOEPLITZ_KEY_SIZE);
    for (int i = 0; i < WORKERS; i++)
        steering.reta[i] = 2;
    cr_assert_eq(tpa_api_placement_init(&steered, WORKERS, &steering), TPA_OK);
    cr_assert_eq(tpa_api_placement_natural(&steered, &tuple, 0), 2);
    tpa_api_placement_fini(&steered);
}

Test(placement, a_stranger_visits_the_natural_worker_once)
{
    struct tpa_tcp_tuple tuple = tuple_of(1);
    uint32_t natural = natural_of(&tuple);

    cr_assert_eq(next_of(&tuple, 0), natural);
    cr_assert_eq(next_of(&tuple, 1u << natural), -1);
}

Test(placement, holders_of_the_port_come_first_and_each_once)
{
    struct tpa_tcp_tuple tuple = tuple_of(1);
    uint32_t visited = 0;

    tpa_api_port_hold(&placement, &holds[1], 1, PORT);
    tpa_api_port_hold(&placement, &holds[3], 3, PORT);

    cr_assert_eq(next_of(&tuple, visited), 1);
    cr_assert_eq(next_of(&tuple, visited |= 1u << 1), 3);
    visited |= 1u << 3;
    if ((visited & 1u << natural_of(&tuple)) == 0)
        cr_assert_eq(next_of(&tuple, visited), natural_of(&tuple));
    cr_assert_eq(next_of(&tuple, visited | 1u << natural_of(&tuple)), -1);
}

Test(placement, a_hold_ends_with_the_last_release)
{
    tpa_api_port_hold(&placement, &holds[1], 1, PORT);
    tpa_api_port_hold(&placement, &holds[1], 1, PORT);
    tpa_api_port_release(&placement, &holds[1], 1, PORT);
    cr_assert_eq(tpa_api_placement_next_holder(&placement, PORT, 0), 1);
    tpa_api_port_release(&placement, &holds[1], 1, PORT);
    cr_assert_eq(tpa_api_placement_next_holder(&placement, PORT, 0), -1);
}

Test(placement, a_fixed_tuple_is_taken_once)
{
    static struct tpa_api_fixed_ports ports;
    struct tpa_tcp_tuple tuple = tuple_of(1), other = tuple_of(2);

    cr_assert_eq(tpa_api_fixed_port_take(&ports, &tuple), TPA_OK);
    cr_assert_eq(tpa_api_fixed_port_take(&ports, &other), TPA_OK);
    cr_assert_eq(tpa_api_fixed_port_take(&ports, &tuple), TPA_EADDRINUSE);
    tpa_api_fixed_port_give(&ports, &tuple);
    cr_assert_eq(tpa_api_fixed_port_take(&ports, &tuple), TPA_OK);
    tpa_api_fixed_ports_fini(&ports);
}

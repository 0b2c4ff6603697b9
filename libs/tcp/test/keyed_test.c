#include <criterion/criterion.h>

#include <string.h>

#include <tpa/base/clock.h>

#include "keyed.h"

TestSuite(keyed);

static const uint8_t secret[16] = "sixteen bytes...";

struct fixture {
    struct tpa_base_random random;
    struct tpa_tcp_keys keys;
    struct tpa_tcp_tuple tuple;
};

static struct fixture set_up(void)
{
    struct fixture f = {
        .tuple = {.local = tpa_base_address_from_ipv4(0x0100000a),
                  .remote = tpa_base_address_from_ipv4(0x0200000a),
                  .local_port = 40000,
                  .remote_port = 80},
    };

    tpa_base_random_seed(&f.random, 1);
    tpa_tcp_keys_init(&f.keys, secret, &f.random);
    return f;
}

/* Attack 27. A clock of 4 us that one tuple's numbers follow, so that a new incarnation is newer.
 */
Test(keyed, isn_of_a_tuple_advances_with_the_clock)
{
    struct fixture f = set_up();
    uint32_t first = tpa_tcp_isn(&f.keys, &f.tuple, 0);

    cr_assert_eq(tpa_tcp_isn(&f.keys, &f.tuple, 3999), first);
    cr_assert_eq(tpa_tcp_isn(&f.keys, &f.tuple, 4000) - first, 1);
    cr_assert_eq(tpa_tcp_isn(&f.keys, &f.tuple, TPA_BASE_SECOND) - first, 250000);
    /* 4.77 hours later it has wrapped. */
    cr_assert_eq(tpa_tcp_isn(&f.keys, &f.tuple, 4000 * (UINT64_C(1) << 32)), first);
}

/* Each bit is set in half of the numbers, whatever differs in the tuple. */
static void expect_even_bits(const uint32_t *numbers, unsigned int count)
{
    for (unsigned int bit = 0; bit < 32; bit++) {
        unsigned int set = 0;

        for (unsigned int i = 0; i < count; i++)
            set += numbers[i] >> bit & 1;
        cr_assert(set > count * 48 / 100 && set < count * 52 / 100, "bit %u: %u of %u", bit, set,
                  count);
    }
}

/* Attack 27. */
Test(keyed, isns_of_other_tuples_tell_nothing)
{
    static uint32_t differences[60000];
    struct fixture f = set_up();
    uint32_t before = 0;

    for (uint32_t i = 0; i < TPA_BASE_ARRAY_SIZE(differences); i++) {
        uint32_t isn;

        f.tuple.local_port = (uint16_t)(1024 + i);
        isn = tpa_tcp_isn(&f.keys, &f.tuple, i * TPA_BASE_MICROSECOND);
        differences[i] = isn - before;
        before = isn;
    }
    expect_even_bits(differences, TPA_BASE_ARRAY_SIZE(differences));
}

/* Attack 27. */
Test(keyed, every_field_of_the_tuple_counts)
{
    struct fixture f = set_up();
    uint32_t isn = tpa_tcp_isn(&f.keys, &f.tuple, 0);
    struct tpa_tcp_tuple other = f.tuple;

    other.local.u8[15] ^= 1;
    cr_assert_neq(tpa_tcp_isn(&f.keys, &other, 0), isn);
    other = f.tuple;
    other.remote.u8[0] ^= 1;
    cr_assert_neq(tpa_tcp_isn(&f.keys, &other, 0), isn);
    other = f.tuple;
    other.remote_port ^= 1;
    cr_assert_neq(tpa_tcp_isn(&f.keys, &other, 0), isn);
    other = f.tuple; /* the two ends swapped */
    other.local = f.tuple.remote;
    other.remote = f.tuple.local;
    cr_assert_neq(tpa_tcp_isn(&f.keys, &other, 0), isn);
}

/* MUST-9: another secret, other values; the same secret, the same. */
Test(keyed, everything_depends_on_the_secret)
{
    struct fixture f = set_up(), same = set_up(), other = set_up();
    uint8_t changed[16];

    memcpy(changed, secret, sizeof(changed));
    changed[15] ^= 0x80;
    tpa_tcp_keys_init(&other.keys, changed, &other.random);
    cr_assert_eq(tpa_tcp_isn(&f.keys, &f.tuple, 0), tpa_tcp_isn(&same.keys, &f.tuple, 0));
    cr_assert_neq(tpa_tcp_isn(&f.keys, &f.tuple, 0), tpa_tcp_isn(&other.keys, &f.tuple, 0));
    cr_assert_neq(tpa_tcp_timestamp_offset(&f.keys, &f.tuple),
                  tpa_tcp_timestamp_offset(&other.keys, &f.tuple));
    /* One value doesn't give another away. */
    cr_assert_neq(tpa_tcp_isn(&f.keys, &f.tuple, 0), tpa_tcp_timestamp_offset(&f.keys, &f.tuple));
}

Test(keyed, timestamps_count_milliseconds)
{
    cr_assert_eq(tpa_tcp_timestamp(5, 0), 5);
    cr_assert_eq(tpa_tcp_timestamp(5, TPA_BASE_SECOND), 1005);
    cr_assert_eq(tpa_tcp_timestamp(UINT32_MAX, TPA_BASE_MILLISECOND), 0);
}

static uint16_t port(struct fixture *f, uint16_t low, uint16_t high, uint32_t attempt)
{
    return tpa_tcp_keys_port(&f->keys, &f->random, &f->tuple.local, &f->tuple.remote,
                             f->tuple.remote_port, low, high, attempt);
}

Test(keyed, attempts_give_each_port_once)
{
    const struct {
        uint16_t low, high;
    } rows[] = {{1024, 65535}, {50000, 50000}, {7, 9}, {1, 65535}};

    for (size_t row = 0; row < TPA_BASE_ARRAY_SIZE(rows); row++) {
        struct fixture f = set_up();
        static bool seen[65536];

        memset(seen, 0, sizeof(seen));
        for (uint32_t i = 0; i <= (uint32_t)rows[row].high - rows[row].low; i++) {
            uint16_t chosen = port(&f, rows[row].low, rows[row].high, i);

            cr_assert(chosen >= rows[row].low && chosen <= rows[row].high);
            cr_assert_not(seen[chosen]);
            seen[chosen] = true;
        }
    }
}

/* Attack 28. */
Test(keyed, successive_connections_get_different_ports)
{
    struct fixture f = set_up();
    static bool seen[65536];
    unsigned int repeated = 0;

    for (int i = 0; i < 10000; i++) {
        uint16_t chosen = port(&f, 1024, 65535, 0);

        repeated += seen[chosen];
        seen[chosen] = true;
    }
    cr_assert_eq(repeated, 0); /* 10,000 of 64,512, with 4.5 skipped each on average */
}

/* Attack 28. Who knows the ports of his own connections doesn't know those to another. */
Test(keyed, ports_towards_one_destination_tell_nothing_of_another)
{
    struct fixture f = set_up();
    unsigned int close = 0;

    for (unsigned int i = 0; i < 1000; i++) {
        uint16_t mine, other;

        f.tuple.remote.u8[15] = 1;
        f.tuple.remote_port = 1;
        mine = port(&f, 1024, 65535, 0);
        f.tuple.remote.u8[15] = (uint8_t)i;
        f.tuple.remote_port = (uint16_t)(2 + i);
        other = port(&f, 1024, 65535, 0);
        close += (uint16_t)(other - mine + 500) < 1000;
    }
    cr_assert_lt(close, 50); /* 15.5 by chance */
}

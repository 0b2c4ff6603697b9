#include <criterion/criterion.h>

#include <stdlib.h>

#include <tpa/base/error.h>
#include <tpa/base/random.h>

#include "demux.h"
#include "test/support/chunks.h"

enum {
    MANY = 200000
};

static const struct tpa_base_hash_key key = {.k0 = 0x0123456789abcdef, .k1 = 0xfedcba9876543210};

static struct test_chunks chunks;
static struct tpa_api_demux demux;

static void setup(void)
{
    test_chunks_init(&chunks);
    cr_assert_eq(tpa_api_demux_init(&demux, &chunks.source, &key), TPA_OK);
}

static void teardown(void)
{
    tpa_api_demux_fini(&demux);
    cr_assert_eq(chunks.taken, 0, "memory was not given back");
}

TestSuite(demux, .init = setup, .fini = teardown);

/* The n-th tuple: all differ, most only in ports. */
static void tuple_set(struct tpa_tcp_tuple *tuple, uint32_t n)
{
    tuple->local = tpa_base_address_from_ipv4(0x0100000a);
    tuple->remote = tpa_base_address_from_ipv4(0x0200000a + (n >> 16 << 24));
    tuple->local_port = 80;
    tuple->remote_port = (uint16_t)n;
}

static struct tpa_api_flow *flows_make(uint32_t count)
{
    struct tpa_api_flow *flows = calloc(count, sizeof(*flows));

    for (uint32_t n = 0; n < count; n++)
        tuple_set(&flows[n].tuple, n);
    return flows;
}

static struct tpa_api_flow *find(const struct tpa_tcp_tuple *tuple, enum tpa_api_demux_kind *kind)
{
    return tpa_api_demux_find(&demux, tpa_api_flow_hash(&key, tuple), tuple, kind);
}

Test(demux, finds_nothing_when_empty)
{
    struct tpa_tcp_tuple tuple;
    enum tpa_api_demux_kind kind;

    tuple_set(&tuple, 1);
    cr_assert_null(find(&tuple, &kind));
}

Test(demux, tells_the_kind)
{
    struct tpa_api_flow *flows = flows_make(2);
    enum tpa_api_demux_kind kind;

    cr_assert_eq(tpa_api_demux_insert(&demux, &flows[0], TPA_API_DEMUX_SOCK), TPA_OK);
    cr_assert_eq(tpa_api_demux_insert(&demux, &flows[1], TPA_API_DEMUX_TIME_WAIT), TPA_OK);

    cr_assert_eq(find(&flows[0].tuple, &kind), &flows[0]);
    cr_assert_eq(kind, TPA_API_DEMUX_SOCK);
    cr_assert_eq(find(&flows[1].tuple, &kind), &flows[1]);
    cr_assert_eq(kind, TPA_API_DEMUX_TIME_WAIT);
    free(flows);
}

Test(demux, replace_keeps_the_place)
{
    struct tpa_api_flow *flows = flows_make(1);
    struct tpa_api_flow other = flows[0];
    enum tpa_api_demux_kind kind;

    cr_assert_eq(tpa_api_demux_insert(&demux, &flows[0], TPA_API_DEMUX_SOCK), TPA_OK);
    tpa_api_demux_replace(&demux, &flows[0], &other, TPA_API_DEMUX_TIME_WAIT);

    cr_assert_eq(find(&flows[0].tuple, &kind), &other);
    cr_assert_eq(kind, TPA_API_DEMUX_TIME_WAIT);
    cr_assert_eq(demux.count, 1);
    cr_assert_not(tpa_api_demux_remove(&demux, &flows[0]), "the old one is not there any more");
    free(flows);
}

/* Each of many is found, and only those that are in; against a plain array of flags. */
Test(demux, agrees_with_a_plain_table)
{
    struct tpa_api_flow *flows = flows_make(MANY);
    bool *inside = calloc(MANY, sizeof(*inside));
    struct tpa_base_random random;
    enum tpa_api_demux_kind kind;
    uint32_t count = 0;

    tpa_base_random_seed(&random, 1);
    for (uint32_t i = 0; i < 5 * MANY; i++) {
        uint32_t n = (uint32_t)tpa_base_random_below(&random, MANY);

        if (inside[n])
            cr_assert(tpa_api_demux_remove(&demux, &flows[n]));
        else
            cr_assert_eq(tpa_api_demux_insert(&demux, &flows[n], TPA_API_DEMUX_SOCK), TPA_OK);
        inside[n] = !inside[n];
        count += inside[n] ? 1u : (uint32_t)-1;
        cr_assert_eq(demux.count, count);
    }
    for (uint32_t n = 0; n < MANY; n++)
        cr_assert_eq(find(&flows[n].tuple, &kind), inside[n] ? &flows[n] : NULL);
    free(inside);
    free(flows);
}

Test(demux, costs_few_bytes_a_connection)
{
    struct tpa_api_flow *flows = flows_make(MANY);

    for (uint32_t n = 0; n < MANY; n++)
        cr_assert_eq(tpa_api_demux_insert(&demux, &flows[n], TPA_API_DEMUX_SOCK), TPA_OK);
    cr_assert_lt(tpa_api_demux_footprint(&demux) / MANY, 24);
    free(flows);
}

/* Memory ends at the n-th chunk, for every n that occurs: what is in stays, later it goes on. */
Test(demux, survives_each_failed_allocation)
{
    struct tpa_api_flow *flows = flows_make(5000);
    enum tpa_api_demux_kind kind;
    uint32_t refused = 0;

    for (uint32_t n = 0; n < 5000; n++) {
        /* The first attempt fails at its first chunk, the next one at its second, ... */
        for (uint64_t nth = 1;; nth++) {
            int result;

            chunks.fail_at = chunks.calls + nth;
            result = tpa_api_demux_insert(&demux, &flows[n], TPA_API_DEMUX_SOCK);
            if (result == TPA_OK)
                break;
            cr_assert_eq(result, TPA_ENOMEM);
            cr_assert_null(find(&flows[n].tuple, &kind));
            refused++;
        }
    }
    cr_assert_gt(refused, 10);
    for (uint32_t n = 0; n < 5000; n++)
        cr_assert_eq(find(&flows[n].tuple, &kind), &flows[n]);
    free(flows);
}

/*
 * A worker's tables, by a random program against a plain model: sock numbers, which are always the
 * smallest free one, and the demultiplexer, which finds what was put in and nothing else, with any
 * allocation failing.
 */
#include <tpa/base/error.h>

#include "demux.h"
#include "sid.h"
#include "support/target.h"
#include "test/support/chunks.h"

enum {
    SIDS = 100,
    FLOWS = 600, /* more than a segment holds */
    STEPS_MAX = 4000,
};

static struct {
    struct tpa_api_sids *sids;
    bool taken[SIDS];
    char objects[SIDS + 1];
} numbers;

static struct {
    struct tpa_api_demux demux;
    struct test_chunks chunks;
    struct tpa_base_hash_key key;
    struct tpa_api_flow flows[FLOWS][2]; /* two objects of one tuple, to be exchanged */
    uint8_t which[FLOWS];                /* 0 = not in the table, else the object's number + 1 */
    enum tpa_api_demux_kind kinds[FLOWS];
    uint32_t count;
} table;

static int smallest_free(void)
{
    int sid = 0;

    while (sid < SIDS && numbers.taken[sid])
        sid++;
    return sid < SIDS ? sid : TPA_ENFILE;
}

static void take_or_give(struct tpa_base_cursor *input)
{
    uint8_t how = tpa_base_cursor_u8(input);
    int sid = smallest_free();

    if (how >= SIDS) {
        cr_assert_eq(tpa_api_sid_take(numbers.sids, &numbers.objects[sid >= 0 ? sid : SIDS]), sid);
        if (sid >= 0)
            numbers.taken[sid] = true;
    } else if (numbers.taken[how]) {
        tpa_api_sid_give(numbers.sids, how);
        numbers.taken[how] = false;
    }
    for (sid = 0; sid < SIDS; sid++)
        cr_assert_eq(tpa_api_sid_object(numbers.sids, sid),
                     numbers.taken[sid] ? &numbers.objects[sid] : NULL);
}

static uint64_t hash_of(uint32_t n)
{
    return tpa_api_flow_hash(&table.key, &table.flows[n][0].tuple);
}

static void expect_found(uint32_t n)
{
    enum tpa_api_demux_kind kind;
    const struct tpa_api_flow *found =
        tpa_api_demux_find(&table.demux, hash_of(n), &table.flows[n][0].tuple, &kind);

    if (table.which[n] == 0) {
        cr_assert_null(found, "flow %u was never put in, or was taken out", n);
        return;
    }
    cr_assert_eq(found, &table.flows[n][table.which[n] - 1], "flow %u was not found", n);
    cr_assert_eq(kind, table.kinds[n]);
}

static void insert(uint32_t n, enum tpa_api_demux_kind kind)
{
    if (tpa_api_demux_insert(&table.demux, &table.flows[n][0], kind) != TPA_OK) {
        cr_assert_geq(table.chunks.calls, table.chunks.fail_at, "it has memory");
        return;
    }
    table.which[n] = 1;
    table.kinds[n] = kind;
    table.count++;
}

static void replace(uint32_t n, enum tpa_api_demux_kind kind)
{
    struct tpa_api_flow *const old = &table.flows[n][table.which[n] - 1];

    table.which[n] = 3 - table.which[n];
    table.kinds[n] = kind;
    tpa_api_demux_replace(&table.demux, old, &table.flows[n][table.which[n] - 1], kind);
}

static void take_out(uint32_t n)
{
    uint32_t was_there = table.which[n] != 0;

    cr_assert_eq(tpa_api_demux_remove(&table.demux,
                                      &table.flows[n][was_there != 0 ? table.which[n] - 1 : 0]),
                 was_there != 0);
    table.which[n] = 0;
    table.count -= was_there;
}

static void change_one(struct tpa_base_cursor *input)
{
    uint16_t how = tpa_base_cursor_be16(input);
    uint32_t n = (how & 0x3ff) % FLOWS;
    enum tpa_api_demux_kind kind = how & 0x400 ? TPA_API_DEMUX_TIME_WAIT : TPA_API_DEMUX_SOCK;

    if (how & 0x800)
        take_out(n);
    else if (table.which[n] != 0)
        replace(n, kind);
    else
        insert(n, kind);
    expect_found(n);
    cr_assert_eq(table.demux.count, table.count);
}

/* Many at once, so that segments are split. */
static void change_many(struct tpa_base_cursor *input)
{
    uint32_t first = tpa_base_cursor_be16(input) % FLOWS;
    uint32_t count = tpa_base_cursor_u8(input) * 2u;
    bool out = tpa_base_cursor_u8(input) % 2 != 0;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t n = (first + i) % FLOWS;

        if (out)
            take_out(n);
        else if (table.which[n] == 0)
            insert(n, TPA_API_DEMUX_SOCK);
    }
    for (uint32_t n = 0; n < FLOWS; n++)
        expect_found(n);
}

static void let_memory_fail(struct tpa_base_cursor *input)
{
    table.chunks.fail_at = table.chunks.calls + 1 + tpa_base_cursor_u8(input) % 4;
}

static void begin(struct tpa_base_cursor *input)
{
    memset(&numbers, 0, sizeof(numbers));
    memset(&table, 0, sizeof(table));
    numbers.sids = tpa_api_sids_create(SIDS);
    cr_assert_not_null(numbers.sids);
    table.key.k0 = tpa_base_cursor_u8(input);
    test_chunks_init(&table.chunks);
    cr_assert_eq(tpa_api_demux_init(&table.demux, &table.chunks.source, &table.key), TPA_OK);
    for (uint32_t n = 0; n < FLOWS; n++) {
        struct tpa_tcp_tuple *tuple = &table.flows[n][0].tuple;

        tuple->local = tpa_base_address_from_ipv4(0x0100000a);
        tuple->remote = tpa_base_address_from_ipv4(0x0200000a + (n % 3 << 24));
        tuple->local_port = (uint16_t)(80 + n % 2);
        tuple->remote_port = (uint16_t)n;
        table.flows[n][1].tuple = *tuple;
    }
}

static void end(void)
{
    for (uint32_t n = 0; n < FLOWS; n++)
        expect_found(n);
    tpa_api_demux_fini(&table.demux);
    cr_assert_eq(table.chunks.taken, 0, "memory was not given back");
    tpa_api_sids_destroy(numbers.sids);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static void (*const steps[])(struct tpa_base_cursor *) = {take_or_give, change_one, change_many,
                                                              let_memory_fail};
    struct tpa_base_cursor input = tpa_base_cursor_make(bytes, size);

    begin(&input);
    for (int i = 0; i < STEPS_MAX && tpa_base_cursor_remaining(&input) > 0; i++)
        steps[fuzz_choice(&input, TPA_BASE_ARRAY_SIZE(steps))](&input);
    end();
    return 0;
}

#include <criterion/criterion.h>

#include <pthread.h>

#include <tpa/base/error.h>

#include "sid.h"

enum {
    COUNT = 200
};

static char objects[COUNT];

Test(sid, are_the_smallest_free_ones)
{
    struct tpa_api_sids *sids = tpa_api_sids_create(COUNT);

    for (int n = 0; n < COUNT; n++)
        cr_assert_eq(tpa_api_sid_take(sids, &objects[n]), n);
    cr_assert_eq(tpa_api_sid_take(sids, objects), TPA_ENFILE);

    tpa_api_sid_give(sids, 150);
    tpa_api_sid_give(sids, 3);
    cr_assert_eq(tpa_api_sid_take(sids, objects), 3);
    cr_assert_eq(tpa_api_sid_take(sids, objects), 150);
    cr_assert_eq(tpa_api_sid_take(sids, objects), TPA_ENFILE);
    tpa_api_sids_destroy(sids);
}

Test(sid, holds_what_was_put_there)
{
    struct tpa_api_sids *sids = tpa_api_sids_create(COUNT);
    int sid = tpa_api_sid_take(sids, &objects[7]);

    cr_assert_eq(tpa_api_sid_object(sids, sid), &objects[7]);
    cr_assert_null(tpa_api_sid_object(sids, sid + 1));
    cr_assert_null(tpa_api_sid_object(sids, -1));
    cr_assert_null(tpa_api_sid_object(sids, COUNT));
    cr_assert_null(tpa_api_sid_object(sids, INT32_MAX));
    tpa_api_sid_give(sids, sid);
    cr_assert_null(tpa_api_sid_object(sids, sid));
    tpa_api_sids_destroy(sids);
}

Test(sid, refuses_impossible_counts)
{
    cr_assert_null(tpa_api_sids_create(0));
    cr_assert_null(tpa_api_sids_create((1u << 26) + 1));
}

/* Threads take and give as fast as they can: no sid is ever two threads' at once. */
static _Atomic int owners[64];

static void *taker(void *parameter)
{
    struct tpa_api_sids *sids = parameter;

    for (int i = 0; i < 100000; i++) {
        int sid = tpa_api_sid_take(sids, objects);

        if (sid < 0)
            continue;
        cr_assert_eq(owners[sid]++, 0, "sid %d was given out twice", sid);
        owners[sid]--;
        tpa_api_sid_give(sids, sid);
    }
    return NULL;
}

Test(sid, is_one_threads_at_a_time)
{
    struct tpa_api_sids *sids = tpa_api_sids_create(64);
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, taker, sids);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (int n = 0; n < 64; n++)
        cr_assert_eq(tpa_api_sid_take(sids, objects), n, "all are free again");
    tpa_api_sids_destroy(sids);
}

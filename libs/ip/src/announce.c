#include "announce.h"

#include "arp.h"
#include "mld.h"
#include "nd.h"
#include "state.h"

struct announcement {
    struct tpa_ip_timer timer;
    struct tpa_base_list all;
    struct tpa_base_address address;
    uint8_t left; /* to be sent */
};

int tpa_ip_announcer_init(struct tpa_ip_worker *worker, const struct tpa_mem_chunk_source *chunks)
{
    tpa_base_list_init(&worker->announcing);
    for (unsigned int i = 0; i < TPA_IP_INTERFACES_MAX; i++)
        worker->mld_reports[i].kind = TPA_IP_TIMER_MLD_REPORT;
    return tpa_mem_slab_init(&worker->announcements, chunks, sizeof(struct announcement), 8,
                             TPA_IP_ADDRESSES_MAX);
}

static void finish(struct tpa_ip_worker *worker, struct announcement *announcement)
{
    tpa_timer_cancel(&worker->wheel, &announcement->timer.timer);
    tpa_base_list_remove(&announcement->all);
    tpa_mem_slab_free(&worker->announcements, announcement);
}

void tpa_ip_announcer_fini(struct tpa_ip_worker *worker)
{
    TPA_BASE_LIST_FOREACH_SAFE(node, following, &worker->announcing)
    finish(worker, TPA_BASE_CONTAINER_OF(node, struct announcement, all));
    (void)tpa_mem_slab_destroy(&worker->announcements);
}

static void announce(struct tpa_ip_worker *worker, const struct tpa_ip_tables *tables,
                     const struct tpa_ip_own_address *own)
{
    if (tpa_base_address_is_ipv4(&own->address)) {
        tpa_ip_arp_announce(worker, tables, own);
        return;
    }
    tpa_ip_mld_join(worker, tables, own);
    tpa_ip_nd_announce(worker, tables, own);
}

void tpa_ip_announcement_expired(struct tpa_ip_worker *worker, struct tpa_ip_timer *timer)
{
    struct announcement *announcement = TPA_BASE_CONTAINER_OF(timer, struct announcement, timer);
    const struct tpa_ip_tables *tables = tpa_ip_stack_tables(worker->stack);
    const struct tpa_ip_own_address *own = tpa_ip_tables_own(tables, &announcement->address);

    /* It may have been taken away meanwhile. */
    if (own != NULL)
        announce(worker, tables, own);
    if (own == NULL || --announcement->left == 0) {
        finish(worker, announcement);
        return;
    }
    tpa_timer_arm(&worker->wheel, &announcement->timer.timer,
                  worker->now + TPA_IP_ANNOUNCEMENT_INTERVAL);
}

static struct announcement *find(struct tpa_ip_worker *worker,
                                 const struct tpa_base_address *address)
{
    TPA_BASE_LIST_FOREACH(node, &worker->announcing)
    {
        struct announcement *announcement = TPA_BASE_CONTAINER_OF(node, struct announcement, all);

        if (tpa_base_address_equal(&announcement->address, address))
            return announcement;
    }
    return NULL;
}

/* The first one goes out at once. */
static void begin(struct tpa_ip_worker *worker, const struct tpa_base_address *address)
{
    struct announcement *announcement = find(worker, address);

    if (announcement == NULL) {
        announcement = tpa_mem_slab_alloc(&worker->announcements);
        if (announcement == NULL)
            return;
        *announcement = (struct announcement){
            .timer.kind = TPA_IP_TIMER_ANNOUNCEMENT,
            .address = *address,
        };
        tpa_base_list_push_back(&worker->announcing, &announcement->all);
    }
    announcement->left = TPA_IP_ANNOUNCEMENTS;
    tpa_ip_announcement_expired(worker, &announcement->timer);
}

static uint64_t newest_serial(const struct tpa_ip_tables *tables)
{
    uint64_t newest = 0;

    for (uint16_t i = 0; i < tables->address_count; i++)
        newest = TPA_BASE_MAX(newest, tables->addresses[i].serial);
    return newest;
}

void tpa_ip_announce_new(struct tpa_ip_worker *worker)
{
    const struct tpa_ip_tables *tables = tpa_ip_stack_tables(worker->stack);
    uint64_t announced = __atomic_load_n(&worker->stack->announced, __ATOMIC_ACQUIRE);
    uint64_t newest = newest_serial(tables);

    /* One worker takes them all. Who comes too late finds nothing new. */
    do {
        if (newest <= announced)
            return;
    } while (!__atomic_compare_exchange_n(&worker->stack->announced, &announced, newest, false,
                                          __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
    for (uint16_t i = 0; i < tables->address_count; i++) {
        const struct tpa_ip_own_address *own = &tables->addresses[i];

        if (own->serial > announced && tables->interfaces[own->interface].up)
            begin(worker, &own->address);
    }
}

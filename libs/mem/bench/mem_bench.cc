// The ways of a packet buffer, of a slab's object and of a registered address. Memory: hugepages
// where there are any, else ordinary pages.

#include <cstdio>
#include <cstdlib>
#include <vector>

#include <benchmark/benchmark.h>
#include <sys/mman.h>

#include <tpa/mem/eal.h>
#include <tpa/mem/external.h>
#include <tpa/mem/pool.h>
#include <tpa/mem/rcu.h>
#include <tpa/mem/ring.h>
#include <tpa/mem/slab.h>

namespace
{

constexpr int kBurst = 32;

void Check(int error, const char *what)
{
    if (error == 0)
        return;
    fprintf(stderr, "%s: error %d\n", what, error);
    exit(1);
}

tpa_mem_pool *Pool()
{
    static tpa_mem_pool pool;
    if (pool.mempool != nullptr)
        return &pool;

    tpa_mem_eal_config eal = {};
    char reason[TPA_MEM_EAL_REASON_SIZE];
    int error = tpa_mem_eal_init(&eal, reason);
    Check(error, reason);

    tpa_mem_pool_config config = {};
    config.name = "bench";
    config.packet_count = 16383;
    Check(tpa_mem_pool_create(&pool, &config), "tpa_mem_pool_create");
    return &pool;
}

// Items are packets, objects or look-ups: the report's items per second are of those.
void Items(benchmark::State &state, int per_iteration)
{
    state.SetItemsProcessed(state.iterations() * per_iteration);
}

void PacketAllocFree(benchmark::State &state)
{
    tpa_mem_pool *pool = Pool();
    for (auto _ : state)
        tpa_mem_packet_free(tpa_mem_packet_alloc(pool));
    Items(state, 1);
}
BENCHMARK(PacketAllocFree);

void PacketAllocBurstFreeBurst(benchmark::State &state)
{
    tpa_mem_pool *pool = Pool();
    rte_mbuf *packets[kBurst];
    for (auto _ : state) {
        Check(tpa_mem_packet_alloc_burst(pool, packets, kBurst), "alloc");
        tpa_mem_packet_free_burst(packets, kBurst);
    }
    Items(state, kBurst);
}
BENCHMARK(PacketAllocBurstFreeBurst);

// More packets in flight than the caches hold: through the pool's ring and out of the L1 cache.
void PacketAllocFreeManyInFlight(benchmark::State &state)
{
    tpa_mem_pool *pool = Pool();
    std::vector<rte_mbuf *> packets(state.range(0));
    for (auto _ : state) {
        for (auto &packet : packets)
            packet = tpa_mem_packet_alloc(pool);
        for (auto packet : packets)
            tpa_mem_packet_free(packet);
    }
    Items(state, state.range(0));
}
BENCHMARK(PacketAllocFreeManyInFlight)->Arg(256)->Arg(2048)->Arg(8192);

void ExternalAttachFree(benchmark::State &state)
{
    tpa_mem_pool *pool = Pool();
    static uint8_t memory[1460];
    tpa_mem_external external;
    tpa_mem_external_init(&external);
    for (auto _ : state)
        tpa_mem_packet_free(tpa_mem_packet_external(pool, memory, 4096, sizeof(memory), &external));
    Items(state, 1);
}
BENCHMARK(ExternalAttachFree);

void ShareFree(benchmark::State &state)
{
    tpa_mem_pool *pool = Pool();
    rte_mbuf *packet = tpa_mem_packet_alloc(pool);
    tpa_mem_packet_append(packet, 1460);
    for (auto _ : state)
        tpa_mem_packet_free(tpa_mem_packet_share(pool, packet, 0, 1460));
    tpa_mem_packet_free(packet);
    Items(state, 1);
}
BENCHMARK(ShareFree);

void PacketFromBytes(benchmark::State &state)
{
    tpa_mem_pool *pool = Pool();
    std::vector<uint8_t> bytes(state.range(0));
    for (auto _ : state)
        tpa_mem_packet_free(tpa_mem_packet_from_bytes(pool, bytes.data(), (uint32_t)bytes.size()));
    state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(PacketFromBytes)->Arg(64)->Arg(1460)->Arg(9000)->Arg(65536);

void PacketCopy(benchmark::State &state)
{
    tpa_mem_pool *pool = Pool();
    std::vector<uint8_t> bytes(state.range(0));
    rte_mbuf *packet = tpa_mem_packet_from_bytes(pool, bytes.data(), (uint32_t)bytes.size());
    for (auto _ : state)
        tpa_mem_packet_free(tpa_mem_packet_copy(pool, packet));
    tpa_mem_packet_free(packet);
    state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(PacketCopy)->Arg(64)->Arg(1460)->Arg(9000)->Arg(65536);

void PacketChecksum(benchmark::State &state)
{
    tpa_mem_pool *pool = Pool();
    std::vector<uint8_t> bytes(state.range(0));
    rte_mbuf *packet = tpa_mem_packet_from_bytes(pool, bytes.data(), (uint32_t)bytes.size());
    for (auto _ : state)
        benchmark::DoNotOptimize(tpa_mem_packet_checksum(packet, 0, (uint32_t)bytes.size(), 0));
    tpa_mem_packet_free(packet);
    state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(PacketChecksum)->Arg(64)->Arg(1460)->Arg(9000);

void SlabAllocFree(benchmark::State &state)
{
    tpa_mem_slab slab;
    Check(tpa_mem_slab_init(&slab, &tpa_mem_chunk_source_default, 416, 64, 0), "slab");
    for (auto _ : state)
        tpa_mem_slab_free(&slab, tpa_mem_slab_alloc(&slab));
    Check(tpa_mem_slab_destroy(&slab), "slab");
    Items(state, 1);
}
BENCHMARK(SlabAllocFree);

// A slab that grows from nothing to so many objects, each touched, and goes.
void SlabFill(benchmark::State &state)
{
    for (auto _ : state) {
        tpa_mem_slab slab;
        Check(tpa_mem_slab_init(&slab, &tpa_mem_chunk_source_default, 416, 64, 0), "slab");
        for (int i = 0; i < state.range(0); i++)
            *static_cast<volatile char *>(tpa_mem_slab_alloc(&slab)) = 1;
        slab.in_use = 0;
        Check(tpa_mem_slab_destroy(&slab), "slab");
    }
    Items(state, (int)state.range(0));
}
BENCHMARK(SlabFill)->Arg(1000)->Arg(100000);

// A look-up with its reference taken and given back, among so many regions.
void RegistryHoldRelease(benchmark::State &state)
{
    Pool();
    const size_t page = 4096, count = (size_t)state.range(0);
    auto *memory = static_cast<uint8_t *>(mmap(nullptr, 2 * count * page, PROT_READ | PROT_WRITE,
                                               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    tpa_mem_registry *registry = tpa_mem_registry_create();
    for (size_t i = 0; i < count; i++)
        Check(tpa_mem_registry_add(registry, memory + 2 * i * page, page, nullptr, 1, page), "add");
    size_t i = 0;
    for (auto _ : state) {
        uint64_t iova;
        void *reference;
        Check(tpa_mem_registry_hold(registry, memory + 2 * (i++ % count) * page + 100, 1000, &iova,
                                    &reference),
              "hold");
        benchmark::DoNotOptimize(iova);
        tpa_mem_registry_release(reference);
    }
    tpa_mem_registry_destroy(registry);
    munmap(memory, 2 * count * page);
    Items(state, 1);
}
BENCHMARK(RegistryHoldRelease)->Arg(1)->Arg(64);

// DPDK's own memory: what an echo server sends back.
void RegistryHoldDpdkMemory(benchmark::State &state)
{
    rte_mbuf *packet = tpa_mem_packet_alloc(Pool());
    tpa_mem_registry *registry = tpa_mem_registry_create();
    for (auto _ : state) {
        uint64_t iova;
        void *reference;
        Check(tpa_mem_registry_hold(registry, tpa_mem_packet_data(packet), 1000, &iova, &reference),
              "hold");
        benchmark::DoNotOptimize(iova);
    }
    tpa_mem_registry_destroy(registry);
    tpa_mem_packet_free(packet);
    Items(state, 1);
}
BENCHMARK(RegistryHoldDpdkMemory);

// What programs register at their start: 512 MiB by pages of 4096.
void RegistryAddRemove512MiB(benchmark::State &state)
{
    Pool();
    const size_t size = size_t(512) << 20;
    void *memory = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    tpa_mem_registry *registry = tpa_mem_registry_create();
    for (auto _ : state) {
        Check(tpa_mem_registry_add(registry, memory, size, nullptr, size / 4096, 4096), "add");
        Check(tpa_mem_registry_remove(registry, memory, size), "remove");
    }
    tpa_mem_registry_destroy(registry);
    munmap(memory, size);
}
BENCHMARK(RegistryAddRemove512MiB)->Unit(benchmark::kMillisecond);

void RcuQuiescent(benchmark::State &state)
{
    tpa_mem_rcu_join();
    for (auto _ : state)
        tpa_mem_rcu_quiescent();
    tpa_mem_rcu_leave();
}
BENCHMARK(RcuQuiescent);

void RingPushPop(benchmark::State &state)
{
    Pool();
    tpa_mem_ring ring;
    void *objects[kBurst] = {};
    Check(tpa_mem_ring_create(&ring, "bench", 1024), "ring");
    for (auto _ : state) {
        tpa_mem_ring_push(&ring, objects, kBurst);
        tpa_mem_ring_pop(&ring, objects, kBurst);
    }
    tpa_mem_ring_destroy(&ring);
    Items(state, kBurst);
}
BENCHMARK(RingPushPop);

} // namespace

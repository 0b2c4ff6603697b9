/* Capturing what passes a device. */
#include <tpa/netdev/capture.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "layer.h"
#include "pcapng.h"

#define KIND "capture"

/* Packets whose blocks are made at once: bounds the memory for them at 32 super-frames. */
enum {
    CHUNK = 32
};

enum state {
    IDLE,
    ACTIVE,
    ENDED,
    FAILED
};

/* Used by the queue's thread alone. */
struct capture_queue {
    struct tpa_netdev_pcapng blocks;
    size_t ends[CHUNK]; /* of each packet's block */
} TPA_BASE_CACHE_ALIGNED;

struct capture {
    struct tpa_netdev device;
    atomic_bool active;
    _Atomic uint32_t snap_length;
    _Atomic uint64_t wall_clock_offset;
    pthread_mutex_t lock; /* of what follows, and taken only while capturing */
    enum state state;
    int file;
    uint64_t size;
    uint64_t size_limit;
    struct tpa_netdev_pcapng dropped; /* of tpa_netdev_capture_drop() */
    uint16_t queue_count;
    struct capture_queue queues[];
};

static struct capture *capture_of(struct tpa_netdev *device)
{
    return TPA_BASE_CONTAINER_OF(device, struct capture, device);
}

static bool is_active(struct capture *self)
{
    return atomic_load_explicit(&self->active, memory_order_acquire);
}

/* Under the lock. */
static void end(struct capture *self, enum state state)
{
    atomic_store(&self->active, false);
    close(self->file);
    self->file = -1;
    self->state = state;
}

static bool write_all(int file, const uint8_t *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(file, bytes, length);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        bytes += written;
        length -= (size_t)written;
    }
    return true;
}

/* Under the lock: whole blocks only. */
static void append(struct capture *self, const uint8_t *bytes, size_t length)
{
    if (self->state != ACTIVE || length == 0)
        return;
    if (write_all(self->file, bytes, length)) {
        self->size += length;
        return;
    }
    /* What a reader finds of a block that is cut off is an error. */
    if (ftruncate(self->file, (off_t)self->size) != 0)
        self->size = 0;
    end(self, FAILED);
}

/* Writes as many blocks from the front as the size limit allows. */
static void write_blocks(struct capture *self, const uint8_t *bytes, const size_t *ends,
                         uint16_t count)
{
    uint16_t fitting = count;

    if (count == 0)
        return;
    pthread_mutex_lock(&self->lock);
    while (fitting > 0 && self->size + ends[fitting - 1] > self->size_limit)
        fitting--;
    if (fitting > 0)
        append(self, bytes, ends[fitting - 1]);
    if (fitting < count && self->state == ACTIVE)
        end(self, ENDED);
    pthread_mutex_unlock(&self->lock);
}

static void describe(struct capture *self, struct rte_mbuf *packet, uint16_t queue, uint64_t now,
                     enum tpa_netdev_pcapng_direction direction,
                     struct tpa_netdev_pcapng_packet *description)
{
    const struct tpa_mem_packet_private *private = tpa_mem_packet_private(packet);

    description->packet = packet;
    description->time = now + atomic_load_explicit(&self->wall_clock_offset, memory_order_relaxed);
    description->snap_length = atomic_load_explicit(&self->snap_length, memory_order_relaxed);
    description->queue = queue;
    description->direction = direction;
    description->note = private->note;
    description->note_detail = private->note_detail;
}

/* Makes the blocks of up to CHUNK packets. One for which there is no memory is left out. */
static void make_blocks(struct capture *self, uint16_t queue_index, struct rte_mbuf **packets,
                        uint16_t count, uint64_t now, enum tpa_netdev_pcapng_direction direction)
{
    struct capture_queue *queue = &self->queues[queue_index];

    queue->blocks.length = 0;
    for (uint16_t i = 0; i < count; i++) {
        struct tpa_netdev_pcapng_packet description;

        describe(self, packets[i], queue_index, now, direction, &description);
        tpa_netdev_pcapng_packet(&queue->blocks, &description);
        queue->ends[i] = queue->blocks.length;
    }
}

static TPA_BASE_NOINLINE void capture_received(struct capture *self, uint16_t queue,
                                               struct rte_mbuf **packets, uint16_t count,
                                               uint64_t now)
{
    for (uint16_t done = 0; done < count;) {
        uint16_t chunk = TPA_BASE_MIN(count - done, CHUNK);

        make_blocks(self, queue, packets + done, chunk, now, TPA_NETDEV_PCAPNG_INBOUND);
        write_blocks(self, self->queues[queue].blocks.bytes, self->queues[queue].ends, chunk);
        done = (uint16_t)(done + chunk);
    }
}

static uint16_t capture_rx_burst(struct tpa_netdev *device, uint16_t queue,
                                 struct rte_mbuf **packets, uint16_t count, uint64_t now)
{
    struct capture *self = capture_of(device);
    uint16_t received = tpa_netdev_rx_burst(device->lower, queue, packets, count, now);

    if (TPA_BASE_UNLIKELY(is_active(self)))
        capture_received(self, queue, packets, received, now);
    return received;
}

/* A packet that was accepted is the device's: its block is made before. */
static TPA_BASE_NOINLINE uint16_t capture_sent(struct capture *self, uint16_t queue,
                                               struct rte_mbuf **packets, uint16_t count,
                                               uint64_t now)
{
    uint16_t accepted = 0;

    while (accepted < count) {
        uint16_t chunk = TPA_BASE_MIN(count - accepted, CHUNK);
        uint16_t sent;

        make_blocks(self, queue, packets + accepted, chunk, now, TPA_NETDEV_PCAPNG_OUTBOUND);
        sent = tpa_netdev_tx_burst(self->device.lower, queue, packets + accepted, chunk, now);
        write_blocks(self, self->queues[queue].blocks.bytes, self->queues[queue].ends, sent);
        accepted = (uint16_t)(accepted + sent);
        if (sent < chunk)
            break;
    }
    return accepted;
}

static uint16_t capture_tx_burst(struct tpa_netdev *device, uint16_t queue,
                                 struct rte_mbuf **packets, uint16_t count, uint64_t now)
{
    struct capture *self = capture_of(device);

    if (TPA_BASE_UNLIKELY(is_active(self)))
        return capture_sent(self, queue, packets, count, now);
    return tpa_netdev_tx_burst(device->lower, queue, packets, count, now);
}

static uint32_t capture_tx_flush(struct tpa_netdev *device, uint16_t queue, uint64_t now)
{
    return tpa_netdev_tx_flush(device->lower, queue, now);
}

static void capture_close(struct tpa_netdev *device)
{
    struct capture *self = capture_of(device);

    if (self->state == ACTIVE)
        end(self, IDLE);
    for (uint16_t i = 0; i < self->queue_count; i++)
        tpa_netdev_pcapng_free(&self->queues[i].blocks);
    tpa_netdev_pcapng_free(&self->dropped);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

static const struct tpa_netdev_ops capture_ops = {
    .kind = KIND,
    .rx_burst = capture_rx_burst,
    .tx_burst = capture_tx_burst,
    .tx_flush = capture_tx_flush,
    .info = tpa_netdev_layer_info,
    .link = tpa_netdev_layer_link,
    .counters = tpa_netdev_layer_counters,
    .set_mtu = tpa_netdev_layer_set_mtu,
    .set_link = tpa_netdev_layer_set_link,
    .steering = tpa_netdev_layer_steering,
    .dma_map = tpa_netdev_layer_dma_map,
    .dma_unmap = tpa_netdev_layer_dma_unmap,
    .start = tpa_netdev_layer_start,
    .stop = tpa_netdev_layer_stop,
    .close = capture_close,
};

struct tpa_netdev *tpa_netdev_capture_wrap(struct tpa_netdev *lower)
{
    struct tpa_netdev_info info;
    struct capture *self;
    uint16_t queue_count;
    size_t size;

    tpa_netdev_info(lower, &info);
    queue_count = TPA_BASE_MAX(info.rx_queue_count, info.tx_queue_count);
    size = RTE_ALIGN_CEIL(sizeof(*self), (size_t)TPA_BASE_CACHE_LINE) +
           queue_count * sizeof(struct capture_queue);
    self = aligned_alloc(TPA_BASE_CACHE_LINE, size);
    if (self == NULL)
        return NULL;
    memset(self, 0, size);
    self->device.ops = &capture_ops;
    self->device.lower = lower;
    self->queue_count = queue_count;
    self->file = -1;
    pthread_mutex_init(&self->lock, NULL);
    return &self->device;
}

/* Under the lock. */
static int begin(struct capture *self, const struct tpa_netdev_capture_config *config)
{
    struct tpa_netdev_pcapng header = {0};
    struct tpa_netdev_info info;
    uint32_t snap_length =
        config->snap_length != 0 ? config->snap_length : TPA_NETDEV_CAPTURE_SNAP_DEFAULT;
    int result;

    tpa_netdev_info(&self->device, &info);
    result = tpa_netdev_pcapng_header(&header, &info, snap_length);
    if (result != 0)
        return result;
    self->file = open(config->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (self->file < 0) {
        tpa_netdev_pcapng_free(&header);
        return TPA_EIO;
    }
    self->size = 0;
    self->size_limit =
        config->size_limit != 0 ? config->size_limit : TPA_NETDEV_CAPTURE_SIZE_DEFAULT;
    self->state = ACTIVE;
    append(self, header.bytes, header.length);
    tpa_netdev_pcapng_free(&header);
    if (self->state != ACTIVE) {
        self->state = IDLE;
        return TPA_EIO;
    }
    atomic_store(&self->snap_length, snap_length);
    atomic_store(&self->wall_clock_offset, config->wall_clock_offset);
    atomic_store_explicit(&self->active, true, memory_order_release);
    return 0;
}

int tpa_netdev_capture_start(struct tpa_netdev *device,
                             const struct tpa_netdev_capture_config *config)
{
    struct tpa_netdev *layer = tpa_netdev_layer_find(device, KIND);
    struct capture *self;
    int result = TPA_EBUSY;

    if (layer == NULL)
        return TPA_EUNSUPPORTED;
    self = capture_of(layer);
    pthread_mutex_lock(&self->lock);
    if (self->state != ACTIVE)
        result = begin(self, config);
    pthread_mutex_unlock(&self->lock);
    return result;
}

int tpa_netdev_capture_stop(struct tpa_netdev *device)
{
    struct tpa_netdev *layer = tpa_netdev_layer_find(device, KIND);
    struct capture *self;
    enum state was;

    if (layer == NULL)
        return TPA_EUNSUPPORTED;
    self = capture_of(layer);
    pthread_mutex_lock(&self->lock);
    was = self->state;
    if (was == ACTIVE)
        end(self, IDLE);
    self->state = IDLE;
    pthread_mutex_unlock(&self->lock);
    if (was == IDLE)
        return TPA_ENOENT;
    return was == FAILED ? TPA_EIO : 0;
}

bool tpa_netdev_capture_active(struct tpa_netdev *device)
{
    struct tpa_netdev *layer = tpa_netdev_layer_find(device, KIND);

    return layer != NULL && is_active(capture_of(layer));
}

static TPA_BASE_NOINLINE void capture_dropped(struct capture *self,
                                              const struct tpa_netdev_pcapng_packet *description)
{
    pthread_mutex_lock(&self->lock);
    self->dropped.length = 0;
    if (self->state == ACTIVE && tpa_netdev_pcapng_packet(&self->dropped, description) == 0) {
        if (self->size + self->dropped.length > self->size_limit)
            end(self, ENDED);
        else
            append(self, self->dropped.bytes, self->dropped.length);
    }
    pthread_mutex_unlock(&self->lock);
}

void tpa_netdev_capture_drop(struct tpa_netdev *device, uint16_t queue,
                             const struct rte_mbuf *packet, enum tpa_base_drop reason, uint64_t now)
{
    struct tpa_netdev *layer = tpa_netdev_layer_find(device, KIND);
    struct tpa_netdev_pcapng_packet description;
    struct capture *self;

    if (layer == NULL || TPA_BASE_LIKELY(!is_active(capture_of(layer))))
        return;
    self = capture_of(layer);
    description = (struct tpa_netdev_pcapng_packet){
        .packet = packet,
        .time = now + atomic_load(&self->wall_clock_offset),
        .snap_length = atomic_load(&self->snap_length),
        .queue = queue,
        .direction = TPA_NETDEV_PCAPNG_INBOUND,
        .note = TPA_MEM_PACKET_NOTE_DROPPED,
        .note_detail = (uint16_t)reason,
    };
    capture_dropped(self, &description);
}

#include "prr.h"

#include <tpa/base/compiler.h>

#define RATIO_SHIFT 16

/* Beyond, the flight is below ssthresh anyway, and the ratio isn't asked for. */
#define RATIO_MAX (1u << RATIO_SHIFT)

void tpa_tcp_prr_begin(struct tpa_tcp_prr *prr, uint32_t flight, uint32_t ssthresh)
{
    uint64_t whole = TPA_BASE_MAX(flight, 1u);
    uint64_t ratio = (((uint64_t)ssthresh << RATIO_SHIFT) + whole - 1) / whole;

    *prr = (struct tpa_tcp_prr){.ratio = (uint32_t)TPA_BASE_MIN(ratio, (uint64_t)RATIO_MAX)};
}

/* Proportional: the flight is still above ssthresh. */
static uint32_t proportional(const struct tpa_tcp_prr *prr)
{
    uint64_t round_up = (UINT64_C(1) << RATIO_SHIFT) - 1;
    uint64_t may = ((uint64_t)prr->delivered * prr->ratio + round_up) >> RATIO_SHIFT;

    return may > prr->out ? (uint32_t)may - prr->out : 0;
}

/* Slow start back to ssthresh (PRR-SSRB), if the acknowledgement was good news; else what was
 * delivered is replaced, and no more (PRR-CRB). */
static uint32_t bounded(const struct tpa_tcp_prr *prr, uint32_t delivered, uint32_t room,
                        uint32_t mss, bool safe)
{
    uint32_t behind = prr->delivered > prr->out ? prr->delivered - prr->out : 0;
    uint32_t may = TPA_BASE_MAX(behind, delivered) + (safe ? mss : 0);

    return TPA_BASE_MIN(may, room);
}

void tpa_tcp_prr_acknowledged(struct tpa_tcp_prr *prr, uint32_t delivered, uint32_t pipe,
                              uint32_t ssthresh, uint32_t mss, bool safe)
{
    prr->delivered += delivered;
    prr->room =
        pipe > ssthresh ? proportional(prr) : bounded(prr, delivered, ssthresh - pipe, mss, safe);
    /* The first retransmission goes at once. */
    if (prr->out == 0)
        prr->room = TPA_BASE_MAX(prr->room, mss);
}

void tpa_tcp_prr_lost(struct tpa_tcp_prr *prr, uint32_t lost, uint32_t pipe, uint32_t ssthresh,
                      uint32_t mss)
{
    uint32_t most = ssthresh > pipe ? TPA_BASE_MAX(ssthresh - pipe, mss) : mss;

    prr->room = TPA_BASE_MAX(prr->room, TPA_BASE_MIN(prr->room + lost, most));
    prr->room = TPA_BASE_MAX(prr->room, mss);
}

void tpa_tcp_prr_sent(struct tpa_tcp_prr *prr, uint32_t length)
{
    prr->out += length;
    prr->room -= TPA_BASE_MIN(prr->room, length);
}

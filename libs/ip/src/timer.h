/* A timer in the worker's wheel that says what it is for. */
#ifndef TPA_IP_TIMER_H
#define TPA_IP_TIMER_H

#include <stdint.h>

#include <tpa/timer/wheel.h>

struct tpa_ip_timer {
    struct tpa_timer timer;
    uint8_t kind; /* enum tpa_ip_timer_kind */
};

#endif

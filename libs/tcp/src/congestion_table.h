/* The controls that are built in. The table is made by the build, from the directories of cc/. */
#ifndef TPA_TCP_CONGESTION_TABLE_H
#define TPA_TCP_CONGESTION_TABLE_H

#include <tpa/tcp/congestion.h>

/* Ends with NULL. */
extern const struct tpa_tcp_congestion *const tpa_tcp_congestion_table[];

#endif

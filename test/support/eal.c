#include "test/support/eal.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_eal.h>
#include <rte_errno.h>

void tpa_test_eal_init(void)
{
    tpa_test_eal_init_sized(64);
}

void tpa_test_eal_init_sized(unsigned int megabytes)
{
    static bool started;
    static char memory[12];
    /* EAL keeps pointers into its arguments and may write to them. */
    static char args[][32] = {
        "tpa_test", "--no-huge", "--no-shconf", "--no-pci",    "--no-telemetry", "-m",
        "",         "-l",        "0",           "--log-level", "lib.*:warning"};
    static char *argv[sizeof(args) / sizeof(args[0])];
    int argc = (int)(sizeof(args) / sizeof(args[0]));

    if (started)
        return;

    snprintf(memory, sizeof(memory), "%u", megabytes);
    for (int i = 0; i < argc; i++)
        argv[i] = args[i][0] != '\0' ? args[i] : memory;

    if (rte_eal_init(argc, argv) < 0) {
        fprintf(stderr, "tpa_test_eal_init: EAL did not start: %s\n", rte_strerror(rte_errno));
        abort();
    }
    started = true;
}

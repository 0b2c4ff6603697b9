/* DPDK's environment (EAL) for unit tests. Include as "test/support/eal.h". */
#ifndef TPA_TEST_SUPPORT_EAL_H
#define TPA_TEST_SUPPORT_EAL_H

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Brings EAL up in this process with 64 MB of ordinary memory on core 0: no hugepages, no PCI, no
 * files shared with other processes, so any number of tests can run side by side. Calls after the
 * first do nothing. Prints why and aborts if EAL fails to start.
 *
 * Criterion runs each test in a process of its own: call it in the test or in its .init.
 */
void tpa_test_eal_init(void);

/* The same with that many megabytes; to be called before anything calls the other. */
void tpa_test_eal_init_sized(unsigned int megabytes);

#ifdef __cplusplus
}
#endif

#endif

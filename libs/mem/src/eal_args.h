/*
 * EAL's command line, made from struct tpa_mem_eal_config and what the machine has.
 */
#ifndef TPA_MEM_EAL_ARGS_H
#define TPA_MEM_EAL_ARGS_H

#include <stdbool.h>
#include <stdint.h>

#include <tpa/mem/eal.h>

#define TPA_MEM_EAL_WORDS_MAX 128
#define TPA_MEM_EAL_TEXT_MAX  8192

struct tpa_mem_eal_args {
    int count;
    char *words[TPA_MEM_EAL_WORDS_MAX + 1]; /* into text; ended by NULL */
    uint32_t used;                          /* bytes of text */
    bool verbose; /* the extra words set what EAL says: it is to be seen at once */
    char text[TPA_MEM_EAL_TEXT_MAX];
};

/*
 * Fills `args`. `cpu` is where EAL's main thread runs, `free_hugepages` in bytes. 0; TPA_EINVAL
 * with the reason.
 */
int tpa_mem_eal_args_build(struct tpa_mem_eal_args *args, const struct tpa_mem_eal_config *config,
                           unsigned int cpu, uint64_t free_hugepages,
                           char reason[TPA_MEM_EAL_REASON_SIZE]);

#endif

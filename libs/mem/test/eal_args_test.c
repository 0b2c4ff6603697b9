#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include <tpa/base/error.h>

#include "eal_args.h"

#define GIGABYTE (UINT64_C(1) << 30)

static struct tpa_mem_eal_args args;
static char reason[TPA_MEM_EAL_REASON_SIZE];

static void build(const struct tpa_mem_eal_config *config, uint64_t free_hugepages)
{
    cr_assert_eq(tpa_mem_eal_args_build(&args, config, 5, free_hugepages, reason), 0, "%s", reason);
}

static bool has(const char *word)
{
    for (int i = 0; i < args.count; i++) {
        if (strcmp(args.words[i], word) == 0)
            return true;
    }
    return false;
}

/* All words but the first (the program's name), joined by blanks. */
static const char *line(void)
{
    static char text[TPA_MEM_EAL_TEXT_MAX];
    size_t used = 0;

    text[0] = 0;
    for (int i = 1; i < args.count; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i > 1 ? " " : "",
                                 args.words[i]);
    return text;
}

Test(eal_args, without_hugepages)
{
    build(&(struct tpa_mem_eal_config){.program = "techo"}, 0);
    cr_expect_str_eq(args.words[0], "techo");
    cr_expect_str_eq(line(), "--log-level=*:error --no-telemetry --lcores=0@5 --no-huge "
                             "--no-shconf -m512 --no-pci --iova-mode=va");
    cr_expect_null(args.words[args.count]);
}

Test(eal_args, with_enough_hugepages)
{
    build(&(struct tpa_mem_eal_config){.program = NULL}, GIGABYTE);
    cr_expect_str_eq(args.words[0], "tpa");
    cr_expect_str_eq(line(), "--log-level=*:error --no-telemetry --lcores=0@5 --in-memory "
                             "--single-file-segments --no-pci --iova-mode=va");
}

Test(eal_args, too_few_hugepages_are_none)
{
    build(&(struct tpa_mem_eal_config){.memory_size = GIGABYTE + 1}, GIGABYTE);
    cr_expect(has("--no-huge"));
    cr_expect(has("-m1025"), "rounded up to megabytes");
    build(&(struct tpa_mem_eal_config){.memory_size = GIGABYTE}, GIGABYTE);
    cr_expect(has("--in-memory"));
    build(&(struct tpa_mem_eal_config){.no_huge = true}, 64 * GIGABYTE);
    cr_expect(has("--no-huge"));
    cr_expect_not(has("--in-memory"));
}

Test(eal_args, memory_for_each_socket)
{
    struct tpa_mem_eal_config config = {.socket_mem = "1024,512"};

    build(&config, 2 * GIGABYTE);
    cr_expect(has("--socket-mem=1024,512"));
    build(&config, GIGABYTE);
    cr_expect(has("-m1536"), "EAL has no sockets without hugepages");
    cr_expect_not(has("--socket-mem=1024,512"));
}

Test(eal_args, refuses_memory_that_is_no_number)
{
    static const char *const bad[] = {"", "1G", "1024,", ",1024", "-5", " 5", "99999999999", "0"};

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(bad); i++) {
        reason[0] = 0;
        cr_expect_eq(tpa_mem_eal_args_build(
                         &args, &(struct tpa_mem_eal_config){.socket_mem = bad[i]}, 0, 0, reason),
                     TPA_EINVAL, "\"%s\"", bad[i]);
        cr_expect_not_null(strstr(reason, "megabytes"));
    }
}

Test(eal_args, refuses_more_memory_than_there_are_addresses)
{
    struct tpa_mem_eal_config config = {.memory_size = TPA_MEM_EAL_MEMORY_MAX};

    build(&config, 0);
    cr_expect(has("-m134217728"));
    config.memory_size++;
    cr_expect_eq(tpa_mem_eal_args_build(&args, &config, 0, 0, reason), TPA_EINVAL);
    cr_expect_not_null(strstr(reason, "memory"));
    config.socket_mem = "134217728,1";
    cr_expect_eq(tpa_mem_eal_args_build(&args, &config, 0, 0, reason), TPA_EINVAL);
}

Test(eal_args, pci_devices_that_are_named)
{
    const char *const pci[] = {"0000:00:05.0", "0000:00:06.0,representor=1", NULL};
    const char *const none[] = {NULL};

    build(&(struct tpa_mem_eal_config){.pci = pci}, 0);
    cr_expect(has("--allow=0000:00:05.0"));
    cr_expect(has("--allow=0000:00:06.0,representor=1"));
    cr_expect_not(has("--no-pci"));
    cr_expect_not(has("--iova-mode=va"), "that depends on the device");
    build(&(struct tpa_mem_eal_config){.pci = none}, 0);
    cr_expect(has("--no-pci"));
}

Test(eal_args, extra_words_come_last_and_quotes_group)
{
    build(
        &(struct tpa_mem_eal_config){.extra_args =
                                         "  --vdev=net_tap0,iface=\"a b\"\t'--x=\"y\"' \"\" -v\n"},
        0);
    cr_assert_eq(args.count, 13);
    cr_expect_str_eq(args.words[9], "--vdev=net_tap0,iface=a b");
    cr_expect_str_eq(args.words[10], "--x=\"y\"");
    cr_expect_str_eq(args.words[11], "");
    cr_expect_str_eq(args.words[12], "-v");
}

Test(eal_args, extra_words_replace_what_would_be_chosen)
{
    static const struct {
        const char *extra;
        const char *gone;
    } cases[] = {
        {"-l 1", "--lcores=0@5"},
        {"-l1", "--lcores=0@5"},
        {"--lcores=0@1", "--lcores=0@5"},
        {"-c 3", "--lcores=0@5"},
        {"-m 64", "-m512"},
        {"--socket-mem=64", "-m512"},
        {"-a 0000:00:05.0", "--no-pci"},
        {"-a 0000:00:05.0", "--iova-mode=va"},
        {"--iova-mode=pa", "--iova-mode=va"},
        {"--file-prefix x", "--no-huge"},
        {"--proc-type=auto", "--no-huge"},
        {"--in-memory", "-m512"},
    };

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(cases); i++) {
        build(&(struct tpa_mem_eal_config){.extra_args = "--vdev=x"}, 0);
        cr_expect(has(cases[i].gone), "\"%s\" is there without", cases[i].gone);
        build(&(struct tpa_mem_eal_config){.extra_args = cases[i].extra}, 0);
        cr_expect_not(has(cases[i].gone), "\"%s\" replaces \"%s\"", cases[i].extra, cases[i].gone);
    }
}

Test(eal_args, a_long_option_is_not_the_start_of_a_longer_one)
{
    build(&(struct tpa_mem_eal_config){.extra_args = "--lcores-of-mine=1 --no-hugeness"}, GIGABYTE);
    cr_expect(has("--lcores=0@5"));
    cr_expect(has("--in-memory"));
}

Test(eal_args, no_huge_among_the_extra_words_means_it)
{
    build(&(struct tpa_mem_eal_config){.extra_args = "--no-huge"}, GIGABYTE);
    cr_expect_not(has("--in-memory"));
    cr_expect(has("-m512"));
}

Test(eal_args, whoever_sets_the_log_level_sees_the_log)
{
    build(&(struct tpa_mem_eal_config){.extra_args = "-v"}, 0);
    cr_expect_not(args.verbose);
    build(&(struct tpa_mem_eal_config){.extra_args = "--log-level=lib.eal:debug"}, 0);
    cr_expect(args.verbose);
}

static int build_extra(const char *extra)
{
    reason[0] = 0;
    return tpa_mem_eal_args_build(&args, &(struct tpa_mem_eal_config){.extra_args = extra}, 0, 0,
                                  reason);
}

Test(eal_args, refuses_what_it_cannot_hold)
{
    static char many[2 * TPA_MEM_EAL_WORDS_MAX + 1];
    static char text[TPA_MEM_EAL_TEXT_MAX + 1];

    cr_expect_eq(build_extra("--vdev='x"), TPA_EINVAL);
    cr_expect_not_null(strstr(reason, "quote"));

    for (int i = 0; i < TPA_MEM_EAL_WORDS_MAX; i++)
        memcpy(many + 2 * i, "a ", 2);
    cr_expect_eq(build_extra(many), TPA_EINVAL, "with ours there are too many");
    cr_expect_str_neq(reason, "");
    many[2 * 119] = 0;
    cr_expect_eq(build_extra(many), 0);
    many[2 * 119] = 'a';
    many[2 * 120] = 0;
    cr_expect_eq(build_extra(many), TPA_EINVAL);

    memset(text, 'a', TPA_MEM_EAL_TEXT_MAX);
    cr_expect_eq(build_extra(text), TPA_EINVAL);
    text[TPA_MEM_EAL_TEXT_MAX - 10] = 0;
    cr_expect_eq(build_extra(text), TPA_EINVAL);
    text[TPA_MEM_EAL_TEXT_MAX - 200] = 0;
    cr_expect_eq(build_extra(text), 0);
}

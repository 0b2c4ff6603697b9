#include <criterion/criterion.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tpa/stats/export.h>
#include <tpa/stats/reader.h>

#include "instance.h"
#include "test/support/scratch.h"

static struct scratch scratch;
static char path[TPA_STATS_PATH_SIZE];

static void setup(void)
{
    scratch_make(&scratch);
    instance_directory(&scratch, path);
}

static void teardown(void)
{
    scratch_remove(&scratch);
}

TestSuite(export, .init = setup, .fini = teardown);

static void open_reader(struct tpa_stats_reader *reader)
{
    char reason[TPA_STATS_REASON_SIZE] = "";

    cr_assert_eq(tpa_stats_reader_open(reader, path, reason), 0, "%s", reason);
}

Test(export, what_is_written_is_read_at_once_without_a_call)
{
    struct tpa_stats_export instance;
    struct tpa_stats_reader reader;
    struct worker_record record;
    size_t size;

    instance_create(&instance, &scratch);

    struct worker_record *workers = tpa_stats_export_records(&instance, "workers", &size);

    cr_assert_not_null(workers);
    cr_assert_eq(size, WORKER_COUNT * sizeof(struct worker_record));
    open_reader(&reader);

    const struct tpa_stats_export_region *region =
        tpa_stats_reader_region_of(&reader, "workers", 3, sizeof(struct worker_record));

    cr_assert_not_null(region);
    cr_assert_str_eq(region->text, "u64 steps, u64 packets");
    cr_assert_eq(tpa_stats_reader_copy(&reader, region, 2, 1, &record), 0);
    cr_assert_eq(record.steps, 0);

    for (uint64_t step = 1; step <= 3; step++) {
        workers[2].steps = step;
        cr_assert_eq(tpa_stats_reader_copy(&reader, region, 2, 1, &record), 0);
        cr_assert_eq(record.steps, step);
    }
    tpa_stats_reader_close(&reader);
    tpa_stats_export_destroy(&instance);
}

Test(export, the_header_says_who_it_is)
{
    struct tpa_stats_export instance;
    struct tpa_stats_reader reader;

    instance_create(&instance, &scratch);
    open_reader(&reader);

    cr_assert_eq(reader.header.pid, INSTANCE_PID);
    cr_assert_str_eq(reader.header.program, INSTANCE_NAME);
    cr_assert_str_eq(reader.header.build, "1.2.3");
    cr_assert_eq(reader.header.started, 1000);
    cr_assert_eq(reader.header.started_wall, 2000);
    cr_assert_eq(reader.header.region_count, 2);
    cr_assert_str_eq((const char *)&reader.header.magic, "TPASTAT1\1");
    tpa_stats_reader_close(&reader);
    tpa_stats_export_destroy(&instance);
}

Test(export, regions_begin_on_pages_and_do_not_touch)
{
    struct tpa_stats_export instance;

    instance_create(&instance, &scratch);

    char *workers = tpa_stats_export_records(&instance, "workers", NULL);
    char *socks = tpa_stats_export_records(&instance, "socks", NULL);

    cr_assert_eq((uintptr_t)workers % 4096, 0);
    cr_assert_eq((uintptr_t)socks % 4096, 0);
    cr_assert_geq(workers - (char *)instance.header, (ptrdiff_t)sizeof(*instance.header));
    cr_assert_geq(socks - workers, (ptrdiff_t)(WORKER_COUNT * sizeof(struct worker_record)));
    memset(socks, 0xff, SOCK_COUNT * SOCK_SIZE);
    cr_assert_null(tpa_stats_export_records(&instance, "sock", NULL));
    tpa_stats_export_destroy(&instance);
}

Test(export, an_orderly_end_leaves_nothing)
{
    struct tpa_stats_export instance;
    struct tpa_stats_reader reader;
    char reason[TPA_STATS_REASON_SIZE];

    instance_create(&instance, &scratch);
    cr_assert(scratch_has(&scratch, INSTANCE_ID "/" TPA_STATS_EXPORT_FILE));
    tpa_stats_export_destroy(&instance);

    cr_assert_not(scratch_has(&scratch, INSTANCE_ID "/" TPA_STATS_EXPORT_FILE));
    cr_assert_not(scratch_has(&scratch, INSTANCE_ID "/" TPA_STATS_EXPORT_FILE ".new"));
    cr_assert_eq(tpa_stats_reader_open(&reader, path, reason), TPA_ENOENT);
    cr_assert_not_null(strstr(reason, "no instance at"));
}

Test(export, a_living_instance_keeps_its_directory)
{
    struct tpa_stats_export instance, other;
    struct tpa_stats_reader reader;
    struct tpa_stats_export_config config = instance_config(path);
    char reason[TPA_STATS_REASON_SIZE];

    instance_create(&instance, &scratch);
    memset(&other, 0x5a, sizeof(other));

    struct tpa_stats_export untouched = other;

    cr_assert_eq(tpa_stats_export_create(&other, &config, reason), TPA_EBUSY);
    cr_assert_not_null(strstr(reason, "in use by process 4711"), "%s", reason);
    cr_assert_eq(memcmp(&other, &untouched, sizeof(other)), 0);

    open_reader(&reader);
    cr_assert(tpa_stats_reader_is_alive(&reader));
    tpa_stats_reader_close(&reader);
    cr_assert_eq(tpa_stats_export_create(&other, &config, NULL), TPA_EBUSY,
                 "a reader that closed the file took the lock with it");
    tpa_stats_export_destroy(&instance);
    cr_assert_eq(tpa_stats_export_create(&other, &config, reason), 0);
    tpa_stats_export_destroy(&other);
}

/* A process with an instance of its own, which counts one step. Ends when it is killed. */
static pid_t start_process(void)
{
    int ready[2];
    char byte;

    cr_assert_eq(pipe(ready), 0);

    pid_t pid = fork();

    if (pid == 0) {
        struct tpa_stats_export instance;
        struct tpa_stats_export_config config = instance_config(path);

        if (tpa_stats_export_create(&instance, &config, NULL) < 0)
            _exit(1);

        struct worker_record *workers = tpa_stats_export_records(&instance, "workers", NULL);

        workers[0].steps = 1;
        if (write(ready[1], "r", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(ready[1]);
    cr_assert_eq(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return pid;
}

static void kill_process(pid_t pid)
{
    cr_assert_eq(kill(pid, SIGKILL), 0);
    cr_assert_eq(waitpid(pid, NULL, 0), pid);
}

static uint64_t steps_of(const struct tpa_stats_reader *reader)
{
    struct worker_record record;

    cr_assert_eq(
        tpa_stats_reader_copy(reader, tpa_stats_reader_region(reader, "workers"), 0, 1, &record),
        0);
    return record.steps;
}

Test(export, a_stuck_process_can_be_read_and_counts_as_living)
{
    struct tpa_stats_reader reader;
    pid_t pid = start_process();

    cr_assert_eq(kill(pid, SIGSTOP), 0);
    open_reader(&reader);
    cr_assert(tpa_stats_reader_is_alive(&reader));
    cr_assert_eq(steps_of(&reader), 1);
    tpa_stats_reader_close(&reader);
    kill_process(pid);
}

Test(export, a_dead_process_can_be_read_and_its_successor_takes_over)
{
    struct tpa_stats_export successor;
    struct tpa_stats_reader old, new;
    pid_t pid = start_process();

    kill_process(pid);
    open_reader(&old);
    cr_assert_not(tpa_stats_reader_is_alive(&old));
    cr_assert_eq(steps_of(&old), 1);

    instance_create(&successor, &scratch);
    open_reader(&new);
    cr_assert(tpa_stats_reader_is_alive(&new));
    cr_assert_eq(steps_of(&new), 0, "the successor begins at zero");
    cr_assert_not(tpa_stats_reader_is_alive(&old));
    cr_assert_eq(steps_of(&old), 1, "who reads the old file keeps reading it");

    tpa_stats_reader_close(&old);
    tpa_stats_reader_close(&new);
    tpa_stats_export_destroy(&successor);
}

Test(export, of_many_processes_that_start_at_once_one_wins)
{
    enum {
        PROCESSES = 16
    };
    pid_t pids[PROCESSES];
    int gate[2];
    int winners = 0, refused = 0;

    cr_assert_eq(pipe(gate), 0);
    for (int i = 0; i < PROCESSES; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            struct tpa_stats_export instance;
            struct tpa_stats_export_config config = instance_config(path);
            char byte;
            int error = tpa_stats_export_create(&instance, &config, NULL);

            if (error != 0)
                _exit(error == TPA_EBUSY ? 1 : 2);
            close(gate[1]);
            _exit(read(gate[0], &byte, 1) == 0 ? 0 : 3); /* lives until the losers have tried */
        }
    }
    close(gate[0]);
    for (int remaining = PROCESSES; remaining > 1; remaining--) {
        int status;

        cr_assert_gt(wait(&status), 0);
        cr_assert(WIFEXITED(status));
        refused += WEXITSTATUS(status) == 1;
    }
    close(gate[1]);

    int status;

    cr_assert_gt(wait(&status), 0);
    winners += WIFEXITED(status) && WEXITSTATUS(status) == 0;
    cr_assert_eq(winners, 1);
    cr_assert_eq(refused, PROCESSES - 1);
}

Test(export, leftovers_of_a_process_that_died_while_it_began_are_cleared)
{
    struct tpa_stats_export instance;

    scratch_write(&scratch, INSTANCE_ID "/" TPA_STATS_EXPORT_FILE ".new", "half", 4);
    scratch_write(&scratch, INSTANCE_ID "/" TPA_STATS_EXPORT_FILE, "junk", 4);
    instance_create(&instance, &scratch);
    cr_assert_not(scratch_has(&scratch, INSTANCE_ID "/" TPA_STATS_EXPORT_FILE ".new"));
    tpa_stats_export_destroy(&instance);
}

Test(export, configurations_that_are_refused)
{
    struct tpa_stats_export instance;
    const struct {
        const char *what;
        struct tpa_stats_region_config regions[2];
    } cases[] = {
        {"no name", {{"", "", 1, 8, 1}, {"b", "", 1, 8, 1}}},
        {"long name", {{"abcdefghijklmnopqrstuvwx", "", 1, 8, 1}, {"b", "", 1, 8, 1}}},
        {"same name", {{"a", "", 1, 8, 1}, {"a", "", 1, 8, 1}}},
        {"no size", {{"a", "", 1, 0, 1}, {"b", "", 1, 8, 1}}},
        {"odd size", {{"a", "", 1, 12, 1}, {"b", "", 1, 8, 1}}},
        {"no records", {{"a", "", 1, 8, 0}, {"b", "", 1, 8, 1}}},
        {"too large", {{"a", "", 1, 8, TPA_STATS_EXPORT_MAX / 8}, {"b", "", 1, 8, 1}}},
        {"overflow", {{"a", "", 1, 8, UINT64_MAX / 8 + 1}, {"b", "", 1, 8, 1}}},
    };

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(cases); i++) {
        struct tpa_stats_export_config config = instance_config(path);
        char reason[TPA_STATS_REASON_SIZE] = "";

        config.regions = cases[i].regions;
        config.region_count = 2;
        cr_assert_eq(tpa_stats_export_create(&instance, &config, reason), TPA_EINVAL, "%s",
                     cases[i].what);
        cr_assert_gt(strlen(reason), 0);
    }

    struct tpa_stats_export_config config = instance_config(path);

    config.region_count = TPA_STATS_REGIONS_MAX + 1;
    cr_assert_eq(tpa_stats_export_create(&instance, &config, NULL), TPA_EINVAL);
    cr_assert_not(scratch_has(&scratch, INSTANCE_ID));
}

Test(export, a_directory_that_cannot_be_made_is_named)
{
    struct tpa_stats_export instance;
    char under_a_file[TPA_STATS_PATH_SIZE + 16];
    char reason[TPA_STATS_REASON_SIZE] = "";

    scratch_write(&scratch, "file", "x", 1);
    snprintf(under_a_file, sizeof(under_a_file), "%s/file/toy", scratch.path);

    struct tpa_stats_export_config config = instance_config(under_a_file);

    cr_assert_lt(tpa_stats_export_create(&instance, &config, reason), 0);
    cr_assert_not_null(strstr(reason, under_a_file), "%s", reason);

    static char long_path[2 * TPA_STATS_PATH_SIZE];

    memset(long_path, 'a', sizeof(long_path) - 1);
    config.directory = long_path;
    cr_assert_lt(tpa_stats_export_create(&instance, &config, reason), 0);
}

/* The lowest free descriptor: the same before and after, if nothing leaked. */
static int free_descriptor(void)
{
    int file = dup(STDOUT_FILENO);

    close(file);
    return file;
}

Test(export, memory_that_cannot_be_reserved_fails_at_once_and_leaves_nothing)
{
    struct tpa_stats_export instance;
    struct tpa_stats_export_config config = instance_config(path);
    const struct rlimit limit = {.rlim_cur = 4096, .rlim_max = 4096};
    char reason[TPA_STATS_REASON_SIZE] = "";
    int descriptor = free_descriptor();

    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_assert_eq(tpa_stats_export_create(&instance, &config, reason), TPA_EIO);
    cr_assert_not_null(strstr(reason, "cannot make the state file in"), "%s", reason);
    cr_assert_not(scratch_has(&scratch, INSTANCE_ID "/" TPA_STATS_EXPORT_FILE));
    cr_assert_not(scratch_has(&scratch, INSTANCE_ID "/" TPA_STATS_EXPORT_FILE ".new"));
    cr_assert_eq(free_descriptor(), descriptor);
}

Test(export, no_permission_is_said_with_the_remedy)
{
    struct tpa_stats_export instance;
    struct tpa_stats_export_config config = instance_config(path);
    char reason[TPA_STATS_REASON_SIZE] = "";
    uid_t user = geteuid();

    cr_assert_eq(chmod(scratch.path, 0555), 0);
    if (user == 0 && seteuid(65534) < 0)
        cr_skip_test("root here cannot become another user");
    cr_assert_eq(tpa_stats_export_create(&instance, &config, reason), TPA_EPERM, "%s", reason);
    cr_assert_eq(seteuid(user), 0);
    cr_assert_not_null(strstr(reason, "set TPA_ROOT_PREFIX"), "%s", reason);
    cr_assert_eq(chmod(scratch.path, 0755), 0);
}

Test(export, descriptors_and_mappings_are_given_back)
{
    struct tpa_stats_export instance, other;
    struct tpa_stats_reader reader;
    struct tpa_stats_export_config config = instance_config(path);
    int descriptor = free_descriptor();

    for (int i = 0; i < 3; i++) {
        instance_create(&instance, &scratch);
        cr_assert_eq(tpa_stats_export_create(&other, &config, NULL), TPA_EBUSY);
        open_reader(&reader);
        tpa_stats_reader_close(&reader);
        tpa_stats_reader_close(&reader);
        tpa_stats_export_destroy(&instance);
        cr_assert_eq(tpa_stats_reader_open(&reader, path, NULL), TPA_ENOENT);
        cr_assert_eq(free_descriptor(), descriptor);
    }
}

Test(export, names_of_instances_stay_within_the_prefix)
{
    char made[TPA_STATS_PATH_SIZE];
    static char long_text[TPA_STATS_PATH_SIZE];

    memset(long_text, 'p', sizeof(long_text) - 1);
    cr_assert_eq(tpa_stats_export_directory("/run", "nginx-1", made), 0);
    cr_assert_str_eq(made, "/run/nginx-1");

    const char *const bad[] = {"", ".", "..", ".hidden", "a/b", "../x", "a b", "a\n", "a\x7f"};

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(bad); i++)
        cr_assert_eq(tpa_stats_export_directory("/run", bad[i], made), TPA_EINVAL, "%s", bad[i]);
    cr_assert_eq(tpa_stats_export_directory("", "a", made), TPA_EINVAL);
    cr_assert_eq(tpa_stats_export_directory(long_text, "a", made), TPA_EINVAL);
    long_text[TPA_STATS_ID_SIZE] = '\0';
    cr_assert_eq(tpa_stats_export_directory("/run", long_text, made), TPA_EINVAL);
    long_text[TPA_STATS_ID_SIZE - 1] = '\0';
    cr_assert_eq(tpa_stats_export_directory("/run", long_text, made), 0);
}

Test(export, only_the_owner_may_write_what_all_may_read)
{
    struct tpa_stats_export instance;
    struct stat status;
    char file[TPA_STATS_PATH_SIZE + 16];

    umask(0);
    instance_create(&instance, &scratch);
    snprintf(file, sizeof(file), "%s/%s", path, TPA_STATS_EXPORT_FILE);
    cr_assert_eq(stat(file, &status), 0);
    cr_assert_eq(status.st_mode & 0777, 0644);
    tpa_stats_export_destroy(&instance);
}

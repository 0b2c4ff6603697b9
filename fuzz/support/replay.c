/*
 * Runs a target on files: the corpus and found cases as a test, for any compiler.
 *
 *     <target>_replay_test FILE-OR-DIRECTORY...
 */
#include <dirent.h>
#include <sys/stat.h>

#include "support/target.h"

enum {
    INPUT_MAX = 1 << 20,
    PATH_SIZE = 1024,
};

static unsigned int cases;

static void run_file(const char *path)
{
    static uint8_t buffer[INPUT_MAX];
    FILE *file = fopen(path, "rb");
    uint8_t *bytes;
    size_t size;

    cr_assert_not_null(file, "%s", path);
    size = fread(buffer, 1, sizeof(buffer), file);
    fclose(file);
    printf("%s: %zu bytes\n", path, size);
    fflush(stdout);
    /* In memory of their own length, where a sanitizer sees what lies behind it. */
    bytes = malloc(size + (size == 0));
    cr_assert_not_null(bytes);
    memcpy(bytes, buffer, size);
    (void)LLVMFuzzerTestOneInput(bytes, size);
    free(bytes);
    cases++;
}

static void run_directory(const char *path)
{
    DIR *directory = opendir(path);

    cr_assert_not_null(directory, "%s", path);
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        char name[PATH_SIZE];

        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        run_file(name);
    }
    closedir(directory);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct stat status;

        cr_assert_eq(stat(argv[i], &status), 0, "%s", argv[i]);
        if (S_ISDIR(status.st_mode))
            run_directory(argv[i]);
        else
            run_file(argv[i]);
    }
    if (cases == 0) {
        fprintf(stderr, "%s: there is no case\n", argv[0]);
        return 1;
    }
    printf("%u cases\n", cases);
    return 0;
}

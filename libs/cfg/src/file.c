#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tpa/cfg/file.h>

#include "fail.h"
#include "registry.h"
#include "syntax.h"

struct loader {
    struct tpa_cfg_registry *registry;
    uint32_t instance; /* that the section at hand sets */
    struct tpa_cfg_error *error;
};

/* A section is about instance 0 until its first line says otherwise. */
static int apply_selector(struct loader *loader, const struct tpa_cfg_option *option,
                          const struct tpa_cfg_setting *setting)
{
    if (!setting->is_first)
        return tpa_cfg_fail(loader->error, TPA_EMALFORMED,
                            "%s has to be the first option of its section", option->name);

    int result = tpa_cfg_set_option(loader->registry, option, 0, setting->value, loader->error);

    if (result < 0)
        return result;
    return tpa_cfg_select(option, setting->value, &loader->instance, loader->error);
}

static int apply_setting(struct loader *loader, const struct tpa_cfg_setting *setting)
{
    const struct tpa_cfg_option *option =
        tpa_cfg_find_parts(loader->registry, setting->section, strlen(setting->section),
                           setting->key, strlen(setting->key));

    if (setting->is_first)
        loader->instance = 0;
    if (option == NULL)
        return tpa_cfg_fail(loader->error, TPA_ENOENT, "invalid option name: %s.%s",
                            setting->section, setting->key);
    if (option->type == TPA_CFG_SELECTOR)
        return apply_selector(loader, option, setting);
    return tpa_cfg_set_option(loader->registry, option, loader->instance, setting->value,
                              loader->error);
}

static int apply(void *context, const struct tpa_cfg_setting *setting)
{
    struct loader *loader = context;
    int result = apply_setting(loader, setting);

    if (result < 0)
        loader->error->line = setting->line;
    return result;
}

int tpa_cfg_load_text(struct tpa_cfg_registry *registry, const char *source, const char *text,
                      size_t length, struct tpa_cfg_error *error)
{
    struct loader loader = {.registry = registry, .error = error};
    int result;

    if (length > TPA_CFG_FILE_MAX) {
        result = tpa_cfg_fail(error, TPA_EMSGSIZE, "longer than %d bytes", TPA_CFG_FILE_MAX);
        tpa_cfg_fail_at(error, source, 0);
        return result;
    }

    /* Once for the syntax alone: half a file is never applied. */
    result = tpa_cfg_parse(text, length, NULL, NULL, error);
    if (result == TPA_OK)
        result = tpa_cfg_parse(text, length, apply, &loader, error);
    if (result < 0)
        tpa_cfg_fail_at(error, source, error->line);
    return result;
}

static int fail_file(struct tpa_cfg_error *error, const char *path, int code, const char *what)
{
    int result = tpa_cfg_fail(error, code, "%s", what);

    tpa_cfg_fail_at(error, path, 0);
    return result;
}

/* Reads up to `size` bytes. Returns how many, or -1 with errno. */
static ssize_t read_all(int file, char *text, size_t size)
{
    size_t length = 0;

    while (length < size) {
        ssize_t count = read(file, text + length, size - length);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return -1;
        if (count == 0)
            break;
        length += (size_t)count;
    }
    return (ssize_t)length;
}

static int load_open_file(struct tpa_cfg_registry *registry, const char *path, int file,
                          struct tpa_cfg_error *error)
{
    char text[TPA_CFG_FILE_MAX + 1]; /* one more, to see that there is more */
    struct stat status;

    if (fstat(file, &status) < 0 || !S_ISREG(status.st_mode))
        return fail_file(error, path, TPA_EIO, "is no regular file");

    ssize_t length = read_all(file, text, sizeof(text));

    if (length < 0)
        return fail_file(error, path, TPA_EIO, strerror(errno));
    return tpa_cfg_load_text(registry, path, text, (size_t)length, error);
}

/* O_NONBLOCK: a FIFO at the place of the file must not hang the start. */
static int open_file(const char *path)
{
    return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

int tpa_cfg_load_file(struct tpa_cfg_registry *registry, const char *path,
                      struct tpa_cfg_error *error)
{
    int file = open_file(path);

    if (file < 0)
        return fail_file(error, path, TPA_EIO, strerror(errno));

    int result = load_open_file(registry, path, file, error);

    close(file);
    return result;
}

int tpa_cfg_load_first(struct tpa_cfg_registry *registry, const char *const *paths, size_t count,
                       struct tpa_cfg_error *error)
{
    for (size_t i = 0; i < count; i++) {
        if (access(paths[i], F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR))
            continue;

        int result = tpa_cfg_load_file(registry, paths[i], error);

        return result < 0 ? result : 1;
    }
    return 0;
}

/*
 * A configuration text. What loads can be written out, and what is written out loads to the same
 * settings; what doesn't load says why, in printable characters.
 */
#include <tpa/cfg/file.h>
#include <tpa/cfg/options.h>

#include "support/target.h"

struct loaded {
    struct tpa_cfg_registry registry;
    struct tpa_cfg_options options;
    struct tpa_cfg_error error;
};

static int load(struct loaded *loaded, const char *text, size_t size)
{
    memset(loaded, 0, sizeof(*loaded));
    tpa_cfg_options_init(&loaded->registry, &loaded->options);
    return tpa_cfg_load_text(&loaded->registry, "input", text, size, &loaded->error);
}

static void expect_printable(const struct tpa_cfg_error *error)
{
    char line[TPA_CFG_ERROR_LINE_SIZE];
    size_t length = tpa_cfg_error_format(error, line, sizeof(line));

    cr_assert_neq(error->text[0], '\0', "refused without a reason");
    cr_assert_eq(length, strlen(line));
    for (size_t i = 0; i < length; i++)
        cr_assert((unsigned char)line[i] >= ' ' && line[i] != 0x7f, "control character %02x",
                  (unsigned char)line[i]);
}

static void expect_same_when_dumped(struct loaded *first)
{
    static struct loaded second;
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    cr_assert_not_null(stream);
    cr_assert_eq(tpa_cfg_dump(&first->registry, true, stream), 0);
    fclose(stream);
    cr_assert_eq(load(&second, text, size), 0, "%s in\n%s", second.error.text, text);
    cr_assert(fuzz_is_same(&first->options, &second.options, sizeof(first->options)),
              "read back, it is not the same:\n%s", text);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct loaded loaded;

    if (load(&loaded, (const char *)bytes, size) == 0) {
        expect_same_when_dumped(&loaded);
        if (tpa_cfg_options_check(&loaded.options, &loaded.error) != 0)
            expect_printable(&loaded.error);
    } else {
        expect_printable(&loaded.error);
    }
    return 0;
}

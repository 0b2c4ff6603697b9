#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/support/scratch.h"
#include "toy.h"

static struct tpa_cfg_registry registry;
static struct toy toy;
static struct tpa_cfg_error error;

static void setup(void)
{
    toy_init(&registry, &toy);
}

TestSuite(file, .init = setup);

static void load(const char *text)
{
    cr_assert_eq(toy_load(&registry, text, &error), 0, "%s: %s (%s)", text, error.text, error.hint);
}

/* A syntax error in that line, with that text, which sets nothing at all. */
static void refuse(const char *text, uint32_t line, const char *expected)
{
    static struct toy before;

    before = toy;
    cr_assert_eq(toy_load(&registry, text, &error), TPA_EMALFORMED, "%s", text);
    cr_assert_str_eq(error.text, expected, "%s: %s", text, error.text);
    cr_assert_eq(error.line, line, "%s: line %u", text, error.line);
    cr_assert_str_eq(error.file, "toy.cfg");
    cr_assert(toy_is_same(&toy, &before), "%s", text);
}

Test(file, the_usual_form)
{
    load("# a comment\n"
         "toy {\n"
         "    flag = 0\n"
         "\tnumber\t=\t42\t# behind a value\n"
         "\n"
         "    text = two words   \n"
         "    size=16KB; time = 2s;\n"
         "}\n");
    cr_assert_eq(toy.flag, 0);
    cr_assert_eq(toy.number, 42);
    cr_assert_str_eq(toy.text, "two words");
    cr_assert_eq(toy.size, 16384);
    cr_assert_eq(toy.time, 2000000000);
}

Test(file, the_one_line_form)
{
    load("toy { flag = 0; text = a b; } lane { speed = 7; }");
    cr_assert_eq(toy.flag, 0);
    cr_assert_str_eq(toy.text, "a b");
    cr_assert_eq(toy.lane[0].speed, 7);
    load("toy{flag=1;text=\"\";}");
    cr_assert_eq(toy.flag, 1);
    cr_assert_str_eq(toy.text, "");
}

Test(file, the_one_line_form_needs_its_semicolon)
{
    refuse("toy { flag = 0 }", 1, "expected ';' or a new line behind the value, found '}'");
    refuse("toy { flag = 0; number = 8 }", 1,
           "expected ';' or a new line behind the value, found '}'");
    refuse("toy { text = \"a\" }", 1, "expected ';' or a new line behind the value, found '}'");
}

Test(file, the_brace_may_stand_on_a_later_line)
{
    load("toy\n{\n flag = 0\n}\n");
    cr_assert_eq(toy.flag, 0);
    load("toy # why not\n\n# here\n {flag = 1\n}");
    cr_assert_eq(toy.flag, 1);
}

Test(file, sections_again_and_the_last_setting_wins)
{
    load("toy { number = 8; flag = 0; }\n"
         "lane { speed = 1; }\n"
         "toy { number = 9; number = 10; }\n");
    cr_assert_eq(toy.number, 10);
    cr_assert_eq(toy.flag, 0);
    load("toy { }\n toy {}");
    cr_assert_eq(toy.number, 10);
}

Test(file, nothing_at_all_is_a_file)
{
    load("");
    load("\n\n  \t \r\n# only a comment");
    load("#");
}

Test(file, quotes_keep_what_is_between_them)
{
    load("toy { text = \"a = {b};#\t\"; }");
    cr_assert_str_eq(toy.text, "a = {b};#\t");
    load("toy {\n text = \"  x  \"  # comment\n}");
    cr_assert_str_eq(toy.text, "  x  ");
    load("toy {\n text = \"l1\nl2\"\n number = 8\n}");
    cr_assert_str_eq(toy.text, "l1\nl2");
    load("toy {\n text = say \"hi\"\n}");
    cr_assert_str_eq(toy.text, "say \"hi\"");
    load("toy { long-text = \"--vdev=net_tap0,iface=tap0 --log-level=*:8\"; }");
    cr_assert_str_eq(toy.long_text, "--vdev=net_tap0,iface=tap0 --log-level=*:8");
}

Test(file, carriage_returns_of_other_systems)
{
    load("toy {\r\n flag = 0\r\n text = a b \r\n number = 8; # c\r\n}\r\n");
    cr_assert_eq(toy.flag, 0);
    cr_assert_str_eq(toy.text, "a b");
    cr_assert_eq(toy.number, 8);
    refuse("toy {\n flag = 0\r}\n", 2,
           "expected ';' or a new line behind the value, found the byte 0x0d");
    refuse("toy {\r flag = 0;}", 1, "expected the name of an option or '}', found the byte 0x0d");
}

Test(file, letters_of_other_languages)
{
    load("# \xc3\xa4\ntoy { text = \xc3\xa4\xc3\xb6; }");
    cr_assert_str_eq(toy.text, "\xc3\xa4\xc3\xb6");
    refuse("t\xc3\xb6y { }", 1, "expected '{' behind the section's name, found the byte 0xc3");
    refuse("\xef\xbb\xbftoy { }", 1, "expected the name of a section, found the byte 0xef");
}

Test(file, syntax_errors_say_where_and_what_was_expected)
{
    refuse("toy", 1, "expected '{' behind the section's name, found the end of the text");
    refuse("toy\n\nflag = 1", 3, "expected '{' behind the section's name, found 'f'");
    refuse("toy {", 1, "expected '}', found the end of the text; section toy begins in line 1");
    refuse("\ntoy {\n flag = 1\n\n", 5,
           "expected '}', found the end of the text; section toy begins in line 2");
    refuse("toy { flag = 0", 1,
           "expected ';' or a new line behind the value, found the end of the text");
    refuse("toy { flag }", 1, "expected '=' behind the option's name, found '}'");
    refuse("toy {\n flag\n = 1\n}", 2,
           "expected '=' behind the option's name, found the end of the line");
    refuse("toy {\n flag = \n 1\n}", 2, "expected a value, found the end of the line");
    refuse("toy { flag = ; }", 1, "expected a value, found ';'");
    refuse("toy {\n flag = # 1\n}", 2, "expected a value, found the end of the line");
    refuse("toy { flag = 1;; }", 1, "expected the name of an option or '}', found ';'");
    refuse("toy { = 1; }", 1, "expected the name of an option or '}', found '='");
    refuse("toy { text = a\tb; }", 1, "expected ';' or a new line behind the value, found 'b'");
    refuse("toy { text = \"a\"b; }", 1, "expected ';' or a new line behind the value, found 'b'");
    refuse("toy { text = a = b; }", 1, "expected ';' or a new line behind the value, found '='");
    refuse("toy { text = a { b; }", 1, "expected ';' or a new line behind the value, found '{'");
    refuse("toy { text = a\x01; }", 1,
           "expected ';' or a new line behind the value, found the byte 0x01");
    refuse("}", 1, "expected the name of a section, found '}'");
    refuse("toy { flag = 0; } }", 1, "expected the name of a section, found '}'");
    refuse("{ flag = 0; }", 1, "expected the name of a section, found '{'");
    refuse("toy.flag = 0", 1, "expected '{' behind the section's name, found '.'");
}

Test(file, sections_do_not_nest)
{
    static char deep[40000];

    refuse("toy { lane { speed = 1; } }", 1, "expected '=' behind the option's name, found '{'");
    for (size_t i = 0; i < sizeof(deep) - 2; i += 2)
        memcpy(deep + i, "a{", 3);
    refuse(deep, 1, "expected '=' behind the option's name, found '{'");
    memset(deep, '{', sizeof(deep) - 1);
    refuse(deep, 1, "expected the name of a section, found '{'");
}

Test(file, a_quote_that_never_ends_is_reported_where_it_began)
{
    refuse("toy {\n\n text = \"abc\n flag = 0\n}\n\n\n", 3,
           "expected '\"', which ends the value of toy.text");
    refuse("toy { text = \"", 1, "expected '\"', which ends the value of toy.text");
}

Test(file, a_name_is_bounded)
{
    refuse("abcdefghijklmnopqrstuvwxyz_12345 { }", 1,
           "expected a name of at most 31 characters, found '5'");
    refuse("toy { abcdefghijklmnopqrstuvwxyz_12345 = 1; }", 1,
           "expected a name of at most 31 characters, found '5'");
    cr_assert_eq(toy_load(&registry, "toy { abcdefghijklmnopqrstuvwxyz_1234 = 1; }", &error),
                 TPA_ENOENT);
}

Test(file, a_value_is_bounded)
{
    static char text[2 * TPA_CFG_VALUE_SIZE];

    for (int quoted = 0; quoted <= 1; quoted++) {
        const char *quote = quoted ? "\"" : "";
        int length = sprintf(text, "toy {\n long-text = %s", quote);

        memset(text + length, 'v', TPA_CFG_VALUE_SIZE);
        sprintf(text + length + TPA_CFG_VALUE_SIZE, "%s\n}", quote);
        refuse(text, 2, "value of toy.long-text is longer than 4095 characters");
    }
}

Test(file, nul_bytes_are_errors_everywhere)
{
    const struct {
        const char *text;
        size_t length;
        uint32_t line;
    } cases[] = {
        {"\0", 1, 1},
        {"toy\0{ flag = 0; }", 17, 1},
        {"toy {\n fl\0ag = 0; }", 19, 2},
        {"toy {\n flag = 0\0; }", 19, 2},
        {"toy {\n text = \"a\0b\"; }", 22, 2},
        {"toy {\n # comment \0\n}", 20, 2},
        {"toy { flag = 0; }\0", 18, 1},
    };

    for (size_t i = 0; i < TPA_BASE_ARRAY_SIZE(cases); i++) {
        cr_assert_eq(
            tpa_cfg_load_text(&registry, "toy.cfg", cases[i].text, cases[i].length, &error),
            TPA_EMALFORMED, "case %zu", i);
        cr_assert_not_null(strstr(error.text, "found the byte 0x00"), "case %zu: %s", i,
                           error.text);
        cr_assert_eq(error.line, cases[i].line);
        cr_assert_eq(toy.flag, 1);
    }
}

Test(file, a_wrong_setting_is_named_with_its_line)
{
    char line[TPA_CFG_ERROR_LINE_SIZE];

    cr_assert_eq(toy_load(&registry, "toy {\n flag = 0\n bogus = 1\n number = 9\n}", &error),
                 TPA_ENOENT);
    tpa_cfg_error_format(&error, line, sizeof(line));
    cr_assert_str_eq(line, "toy.cfg:3: invalid option name: toy.bogus");
    cr_assert_eq(toy.flag, 0, "what stands before it is set");
    cr_assert_eq(toy.number, 7, "what stands behind it is not");

    cr_assert_eq(toy_load(&registry, "toy {\n\n ip = 10.0.0\n}", &error), TPA_EINVAL);
    tpa_cfg_error_format(&error, line, sizeof(line));
    cr_assert_str_eq(line, "toy.cfg:3: failed to set cfg opt: toy.ip: invalid option value "
                           "(\"10.0.0\" is not an IPv4 address like 10.0.0.1)");

    cr_assert_eq(toy_load(&registry, "toy { number = 3; }", &error), TPA_EINVAL);
    cr_assert_str_eq(error.hint, "\"3\" is not an integer, from 5 to 4000000000, or many");

    tpa_cfg_registry_start(&registry);
    cr_assert_eq(toy_load(&registry, "toy { start_only = 1; }", &error), TPA_EPERM);
    tpa_cfg_error_format(&error, line, sizeof(line));
    cr_assert_str_eq(line, "toy.cfg:1: failed to set cfg opt: toy.start_only: "
                           "try to set a readonly option");

    for (size_t size = 0; size < 20; size++) {
        memset(line, 'z', sizeof(line));
        cr_assert_eq(tpa_cfg_error_format(&error, line, size), size > 0 ? size - 1 : 0);
        cr_assert_eq(line[size], 'z');
    }
}

Test(file, messages_cannot_play_tricks_on_a_terminal)
{
    cr_assert_eq(toy_load(&registry, "toy { ip = \"\x1b[2J\n\x7f\"; }", &error), TPA_EINVAL);
    cr_assert_null(strpbrk(error.hint, "\x1b\n\x7f"), "%s", error.hint);
    cr_assert_eq(tpa_cfg_set(&registry, "\x1b[2J\n", "1", &error), TPA_ENOENT);
    cr_assert_str_eq(error.text, "invalid option name: ?[2J?");
}

Test(file, the_selector_says_which_instance_a_section_is_about)
{
    load("lane { speed = 1; }\n"
         "lane {\n index = 2\n speed = 3\n name = c\n}\n"
         "lane { index = 1; speed = 2; }\n"
         "lane { name = a; }\n"
         "toy { flag = 0; }\n");
    cr_assert_eq(toy.lane[0].speed, 1);
    cr_assert_eq(toy.lane[1].speed, 2);
    cr_assert_eq(toy.lane[2].speed, 3);
    cr_assert_str_eq(toy.lane[0].name, "a");
    cr_assert_str_eq(toy.lane[2].name, "c");
    cr_assert_eq(toy.lanes_seen, 0x7);

    cr_assert_eq(toy_load(&registry, "lane { index = 3; }", &error), 0);
    cr_assert_eq(toy.lanes_seen, 0xf);
    cr_assert_eq(toy_load(&registry, "lane {\n speed = 9\n index = 3\n}", &error), TPA_EMALFORMED);
    cr_assert_str_eq(error.text, "lane.index has to be the first option of its section");
    cr_assert_eq(error.line, 3);
    cr_assert_eq(toy_load(&registry, "lane { index = 4; }", &error), TPA_EINVAL);
    cr_assert_str_eq(error.text, "failed to set cfg opt: lane.index: invalid option value");
}

/* A cheap generator: which bytes are tried must not depend on the C library. */
static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

Test(file, binary_junk_is_refused_or_harmless)
{
    static const char alphabet[] = "toylanefgumbr{}=;\"# \t\n\r\0.[]019K\x80\xff";
    uint32_t random = 7;
    int refused = 0;

    for (int round = 0; round < 20000; round++) {
        size_t length = next_random(&random) % 64;
        char *text = malloc(length + 1); /* exactly that long: ASan sees a byte too far */
        int any_byte = round % 4 == 0;

        for (size_t i = 0; i < length; i++) {
            uint32_t number = next_random(&random);

            text[i] = any_byte ? (char)number : alphabet[number % (sizeof(alphabet) - 1)];
        }
        text = realloc(text, length > 0 ? length : 1);

        int result = tpa_cfg_load_text(&registry, "junk", text, length, &error);

        cr_assert(result == 0 || result == TPA_EMALFORMED || result == TPA_ENOENT ||
                  result == TPA_EINVAL);
        refused += result != 0;
        free(text);
    }
    cr_assert_gt(refused, 10000);
}

Test(file, a_sound_file_with_one_byte_damaged)
{
    static const char sound[] =
        "toy {\n flag = 0\n text = \"a b\"; ips = 10.0.0.1/24 10.0.0.2\n"
        " routes = 0.0.0.0/0 via 10.0.0.1\n}\nlane { index = 1; speed = 2; }\n";
    uint32_t random = 3;

    for (size_t at = 0; at < sizeof(sound) - 1; at++) {
        for (int round = 0; round < 64; round++) {
            char *text = malloc(sizeof(sound) - 1);

            memcpy(text, sound, sizeof(sound) - 1);
            text[at] = (char)next_random(&random);
            error.text[0] = '\0';

            int result = tpa_cfg_load_text(&registry, "damaged", text, sizeof(sound) - 1, &error);

            cr_assert_eq(result < 0, error.text[0] != '\0');
            free(text);
        }
    }
}

Test(file, a_text_of_the_largest_size)
{
    static char text[TPA_CFG_FILE_MAX + 2];

    memset(text, '\n', sizeof(text));
    memcpy(text + TPA_CFG_FILE_MAX - 18, "toy { number = 9;}", 18);
    cr_assert_eq(tpa_cfg_load_text(&registry, "big", text, TPA_CFG_FILE_MAX, &error), 0, "%s",
                 error.text);
    cr_assert_eq(toy.number, 9);
    cr_assert_eq(tpa_cfg_load_text(&registry, "big", text, TPA_CFG_FILE_MAX + 1, &error),
                 TPA_EMSGSIZE);
    cr_assert_str_eq(error.text, "longer than 65536 bytes");
    cr_assert_str_eq(error.file, "big");
}

/* Files */

static struct scratch scratch;

static void setup_files(void)
{
    setup();
    scratch_make(&scratch);
}

static void teardown_files(void)
{
    scratch_remove(&scratch);
}

TestSuite(files, .init = setup_files, .fini = teardown_files);

Test(files, a_file_is_loaded_under_its_name)
{
    char path[SCRATCH_PATH_SIZE];

    scratch_path(&scratch, "a.cfg", path);
    scratch_write(&scratch, "a.cfg", "toy { flag = 0; }\n", 18);
    cr_assert_eq(tpa_cfg_load_file(&registry, path, &error), 0);
    cr_assert_eq(toy.flag, 0);

    scratch_write(&scratch, "a.cfg", "toy {\n x = 0; }\n", 16);
    cr_assert_eq(tpa_cfg_load_file(&registry, path, &error), TPA_ENOENT);
    cr_assert_eq(strncmp(error.file, path, sizeof(error.file) - 1), 0);
    cr_assert_eq(error.line, 2);
}

Test(files, the_first_that_is_there_is_the_one)
{
    char a[SCRATCH_PATH_SIZE], b[SCRATCH_PATH_SIZE], c[SCRATCH_PATH_SIZE];
    const char *const paths[] = {a, b, c};

    scratch_path(&scratch, "a.cfg", a);
    scratch_path(&scratch, "b.cfg", b);
    scratch_path(&scratch, "c.cfg", c);
    cr_assert_eq(tpa_cfg_load_first(&registry, paths, 3, &error), 0);
    cr_assert_eq(tpa_cfg_load_first(&registry, paths, 0, &error), 0);

    scratch_write(&scratch, "c.cfg", "toy { number = 33; }\n", 21);
    cr_assert_eq(tpa_cfg_load_first(&registry, paths, 3, &error), 1);
    cr_assert_eq(toy.number, 33);
    scratch_write(&scratch, "b.cfg", "toy { number = 22; }\n", 21);
    cr_assert_eq(tpa_cfg_load_first(&registry, paths, 3, &error), 1);
    cr_assert_eq(toy.number, 22);

    /* A bad one is not passed over for a good one behind it. */
    scratch_write(&scratch, "a.cfg", "toy {", 5);
    cr_assert_eq(tpa_cfg_load_first(&registry, paths, 3, &error), TPA_EMALFORMED);
    cr_assert_eq(toy.number, 22);
}

Test(files, what_cannot_be_read_is_said)
{
    char path[SCRATCH_PATH_SIZE];
    const char *const paths[] = {path};

    scratch_path(&scratch, "x.cfg", path);
    cr_assert_eq(tpa_cfg_load_file(&registry, path, &error), TPA_EIO);
    cr_assert_str_eq(error.text, "No such file or directory");

    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_assert_eq(tpa_cfg_load_first(&registry, paths, 1, &error), TPA_EIO);
    cr_assert_str_eq(error.text, "is no regular file");
    cr_assert_eq(unlink(path), 0);

    cr_assert_eq(mkdir(path, 0700), 0);
    cr_assert_eq(tpa_cfg_load_first(&registry, paths, 1, &error), TPA_EIO);
    cr_assert_eq(rmdir(path), 0);

    cr_assert_eq(tpa_cfg_load_file(&registry, "/dev/zero", &error), TPA_EIO);
}

Test(files, a_huge_file_is_refused_without_reading_all_of_it)
{
    char path[SCRATCH_PATH_SIZE];

    scratch_path(&scratch, "huge.cfg", path);
    scratch_write(&scratch, "huge.cfg", "", 0);
    cr_assert_eq(truncate(path, 1ll << 40), 0);
    cr_assert_eq(tpa_cfg_load_file(&registry, path, &error), TPA_EMSGSIZE);
}

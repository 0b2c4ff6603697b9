#include "tool.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tpa/api/version.h>
#include <tpa/base/compiler.h>
#include <tpa/base/parse.h>

static int version(struct tool *tool)
{
    (void)tool;
    printf("tpa %s\n", tpa_api_version());
    return TOOL_OK;
}

const struct tool_command tool_commands[] = {
    {"sk", "avj", "[-a] [-v] [-j] [SID]",
     "The socks: sid, local and remote address, worker, state.\n"
     "  -a  also listeners, and connections that are closed, in TIME-WAIT or not accepted yet\n"
     "  -v  sequence numbers, windows, times, queues\n",
     tool_sk},
    {"ss", "n:d:v", "[-n COUNT] [-d SECONDS] [-v]",
     "What happens, by worker, each second.\n"
     "  -n  so many times (default: until interrupted)\n"
     "  -d  seconds between two lines (default 1)\n"
     "  -v  all counters that move\n",
     tool_ss},
    {"st", "a", "[-a] SID",
     "The trace of a sock: what happened to it.\n"
     "Also of one that is closed, as long as its ring was not used for another.\n"
     "  -a  also of earlier socks of this number\n",
     tool_st},
    {"worker", "vj", "[-v] [-j]",
     "The workers: thread, time since the last step, steps, packets.\n"
     "  -v  all their counters that are not 0\n",
     tool_worker},
    {"mem", "j", "[-j]", "Pools, budgets, slabs, registered memory.\n", tool_mem},
    {"cfg", "jt:", "[-j] [list] | get NAME | set NAME VALUE",
     "The configuration; a * marks what can be set at start only.\n", tool_cfg},
    {"neigh", "jt:", "[-j] [list] | add ADDRESS MAC [port N] | del ADDRESS [port N]",
     "The neighbours: address, MAC address, port, state, age.\n", tool_neigh},
    {"port", "vj", "[-v] [-j]",
     "The ports.\n"
     "  -v  capabilities and counters\n",
     tool_port},
    {"pktfuzz", "t:",
     "[show] | off | drop|dup|corrupt|cut|reorder RATE | delay|jitter|hold TIME | rate BITS/S |\n"
     "       depth|queue PACKETS | dropmask|dupmask 0+3+7-9 ... [rx|tx] [port N]",
     "Makes the wire bad, for tests.\n"
     "As in \"tpa pktfuzz drop 1% delay 5ms rx\". Without rx or tx: both directions.\n",
     tool_request},
    {"capture", "t:", "start FILE [snap BYTES] [size BYTES] [port N] | stop [port N]",
     "Captures packets to a pcapng file that tshark reads.\n"
     "Several ports are captured to FILE.0, FILE.1, ...\n",
     tool_request},
    {"route", "t:", "add PREFIX/LENGTH [via GATEWAY] [port N] | del PREFIX/LENGTH",
     "Changes the routes.\n", tool_request},
    {"address", "t:", "add ADDRESS/LENGTH [port N] | del ADDRESS", "Changes the addresses.\n",
     tool_request},
    {"link", "t:", "up|down [port N]", "Takes ports' links up or down.\n", tool_request},
    {"list", "cj", "[-c] [-j]",
     "The instances, and which of them are dead.\n"
     "  -c  removes what the dead have left\n",
     tool_list},
    {"run", "+c:", "[-c CONFIGURATION] PROGRAM [ARGUMENT ...]",
     "Runs a program under the name that -i gives (default: its own).\n"
     "  -c  options on top of tpa.cfg, as in \"net { ip = 10.0.0.2/24; name = net_tap0; }\"\n",
     tool_run},
    {"version", "", "", "The version of this tool.\n", version},
    {.name = NULL},
};

static void usage(FILE *stream)
{
    fprintf(stream, "usage: tpa SUBCOMMAND [-i INSTANCE] ...\n\n");
    for (const struct tool_command *command = tool_commands; command->name != NULL; command++)
        fprintf(stream, "  %-8s %.*s\n", command->name, (int)strcspn(command->help, "\n"),
                command->help);
    fprintf(stream, "\n\"tpa SUBCOMMAND --help\" says more. -i names the instance (TPA_ID, or the "
                    "program's name)\nwhere several run. -j prints JSON.\n");
}

static void command_usage(const struct tool_command *command, FILE *stream)
{
    fprintf(stream, "usage: tpa %s [-i INSTANCE] %s\n", command->name, command->synopsis);
}

static void command_help(const struct tool_command *command)
{
    command_usage(command, stdout);
    printf("\n%s", command->help);
    if (strchr(command->options, 't') != NULL)
        printf("  -t  seconds to wait for the instance's answer (default 2)\n");
    if (strchr(command->options, 'j') != NULL)
        printf("  -j  as JSON\n");
}

int tool_misused(const struct tool *tool, const char *format, ...)
{
    va_list arguments;

    fprintf(stderr, "tpa %s: ", tool->command->name);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    command_usage(tool->command, stderr);
    return TOOL_USAGE;
}

int tool_failed(const char *format, ...)
{
    va_list arguments;

    fflush(stdout);
    fprintf(stderr, "tpa: ");
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return TOOL_FAILED;
}

bool tool_number(const struct tool *tool, char option, uint64_t preset, uint64_t maximum,
                 uint64_t *number)
{
    const char *text = tool->value[(int)option];

    *number = preset;
    return text == NULL ||
           tpa_base_parse_u64_max(text, TPA_BASE_PARSE_NUL, maximum, number) == TPA_OK;
}

static const struct option long_options[] = {
    {"id", required_argument, NULL, 'i'},    {"help", no_argument, NULL, 'h'},
    {"all", no_argument, NULL, 'a'},         {"verbose", no_argument, NULL, 'v'},
    {"json", no_argument, NULL, 'j'},        {"timeout", required_argument, NULL, 't'},
    {"count", required_argument, NULL, 'n'}, {"delay", required_argument, NULL, 'd'},
    {"clean", no_argument, NULL, 'c'},       {NULL, 0, NULL, 0},
};

/* -1: go on; else what to end with. */
static int options_parse(struct tool *tool, int argc, char **argv)
{
    char letters[32];
    int letter;

    snprintf(letters, sizeof(letters), "%si:h", tool->command->options);
    opterr = 0;
    while ((letter = getopt_long(argc, argv, letters, long_options, NULL)) != -1) {
        const char *known = letter == '?' || letter == ':' ? NULL : strchr(letters, letter);

        if (letter == 'h') {
            command_help(tool->command);
            return TOOL_OK;
        }
        if (known == NULL)
            return tool_misused(tool, "%s: no such option, or its value is missing",
                                argv[optind > 1 ? optind - 1 : 1]);
        if (known[1] == ':')
            tool->value[letter] = optarg;
        else
            tool->flag[letter] = true;
    }
    tool->argc = argc - optind;
    tool->argv = argv + optind;
    return -1;
}

static const struct tool_command *find(const char *name)
{
    for (const struct tool_command *command = tool_commands; command->name != NULL; command++) {
        if (strcmp(command->name, name) == 0)
            return command;
    }
    return NULL;
}

/* "tpa -i ID sk" is "tpa sk -i ID". */
static int id_before(int *argc, char ***argv, const char **id)
{
    if (*argc < 3 || (strcmp((*argv)[1], "-i") != 0 && strcmp((*argv)[1], "--id") != 0))
        return 0;
    *id = (*argv)[2];
    *argc -= 2;
    *argv += 2;
    return 1;
}

int main(int argc, char **argv)
{
    static struct tool tool;
    int result;

    (void)id_before(&argc, &argv, &tool.value['i']);
    if (argc < 2) {
        usage(stderr);
        return TOOL_USAGE;
    }
    if (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0 ||
        strcmp(argv[1], "help") == 0) {
        usage(stdout);
        return TOOL_OK;
    }
    tool.command = find(strcmp(argv[1], "--version") == 0 ? "version" : argv[1]);
    if (tool.command == NULL) {
        tool_failed("%s: no such subcommand; \"tpa --help\" lists them", argv[1]);
        return TOOL_USAGE;
    }
    result = options_parse(&tool, argc - 1, argv + 1);
    if (result < 0)
        result = tool.command->run(&tool);
    tool_close(&tool);
    if (fflush(stdout) != 0 && result == TOOL_OK)
        result = TOOL_FAILED;
    return result;
}

/*
 * tpa: looks at running instances of the stack from outside, and tells them what to do.
 *
 * It reads what an instance shows in its directory (<tpa/api/export_layout.h>), so it also works on
 * one that is stuck, and on what one that died has left. What it asks for goes through the mailbox,
 * and needs an instance that runs.
 */
#ifndef TPA_BIN_TOOL_H
#define TPA_BIN_TOOL_H

#include <stdbool.h>
#include <stdint.h>

#include <tpa/api/export_layout.h>
#include <tpa/stats/reader.h>

enum {
    TOOL_OK = 0,
    TOOL_FAILED = 1, /* it could not be done */
    TOOL_USAGE = 2,  /* it was asked for wrongly */
};

/* A worker that has made no step for so long is called stuck. */
#define TOOL_STUCK UINT64_C(1000000000)

struct tool {
    const struct tool_command *command;
    bool flag[128];         /* options without a value, by letter */
    const char *value[128]; /* options with one */
    int argc;               /* what is left behind the options */
    char **argv;

    char directory[TPA_STATS_PATH_SIZE]; /* of the instance, once it is open */
    char id[TPA_STATS_ID_SIZE];
    struct tpa_stats_reader reader;
    bool alive;
};

struct tool_command {
    const char *name;
    const char *options; /* as for getopt(3), without those that all have: i:h */
    const char *synopsis;
    const char *help;
    int (*run)(struct tool *tool);
};

extern const struct tool_command tool_commands[]; /* ended by a NULL name */

/* main.c: prints "tpa SUB: ..." on standard error, and how it is used; TOOL_USAGE. */
int tool_misused(const struct tool *tool, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* "tpa: ..." on standard error; TOOL_FAILED. */
int tool_failed(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The value of an option as a number; `preset` where it is not given. False: no such number. */
bool tool_number(const struct tool *tool, char option, uint64_t preset, uint64_t maximum,
                 uint64_t *number);

/* instance.c: opens the instance that -i names, or the only one there is; says on standard error
 * if it is dead or stuck. TOOL_OK, or TOOL_FAILED with a message. */
int tool_open(struct tool *tool);
void tool_close(struct tool *tool);

/* Says so where workers are stuck. */
void tool_report_stuck(struct tool *tool);

/*
 * record.c: all records of the region of that name, each whole, in memory that the caller frees;
 * `size` is one record's. NULL with a message: no memory, no such region, or another layout.
 */
void *tool_records(struct tool *tool, const char *name, size_t size, uint64_t *count);

/* Words that never end, or that a terminal might obey, made harmless. */
void tool_clean(char *text, size_t size);

/* How long ago by the instance's clock, or 0. */
uint64_t tool_age(uint64_t time);

/* "1.2.3.4:80", "[::1]:80"; "*:80" if `any`. */
#define TOOL_ENDPOINT_SIZE 64
void tool_endpoint(const struct tpa_base_address *address, uint16_t port, bool any,
                   char text[TOOL_ENDPOINT_SIZE]);

/* JSON: the members that begin every document: which instance, alive or not. */
void tool_json_begin(struct tool *tool);
void tool_json_end(void);

/* ask.c: sends a request and prints the answer. */
int tool_ask(struct tool *tool, const char *const *words, int count);

/* The subcommands. */
int tool_sk(struct tool *tool);
int tool_ss(struct tool *tool);
int tool_st(struct tool *tool);
int tool_worker(struct tool *tool);
int tool_mem(struct tool *tool);
int tool_cfg(struct tool *tool);
int tool_neigh(struct tool *tool);
int tool_port(struct tool *tool);
int tool_list(struct tool *tool);
int tool_run(struct tool *tool);
int tool_request(struct tool *tool);

#endif

// What all commands share: option tables, parsing and --help, signals, progress, JSON on stdout, lists of archs.
// Results go to stdout, progress and messages to stderr. Next: supernet.c (the table of commands), cmd_*.c.
#ifndef CLI_H
#define CLI_H

#include "io/files/runfolder.h"
#include "space/notation.h"
#include "supernet/rank/archlist.h"

#include <jansson.h>
#include <signal.h>
#include <stdbool.h>

typedef struct {
    const char *name;  // "--name"; NULL ends the table
    char letter;       // "-o", or 0
    const char *value; // what the help calls its value; NULL: a flag
    const char *help;
} cli_option;

struct cli;

// Options that would be ignored beside others are refused.
typedef enum { CLI_NEEDS, CLI_EXCLUDES } cli_relation;
typedef struct {
    const char *option; // NULL ends the table
    cli_relation relation;
    const char *other;
} cli_rule;

// The words that an option's value may be.
typedef struct {
    const char *option;       // NULL ends the table; "": the first operand
    const char *const *words; // ended by NULL
} cli_choice;

// Shared options that a command may lack. --threads, --device and --quiet are known to all, also where they have nothing to do.
enum { CLI_SET = 1, CLI_JSON = 2 };

typedef struct {
    const char *name, *operands, *summary, *details;
    int least, most;           // operands
    const cli_option *options; // beside the shared ones
    const cli_choice *choices; // of these, or NULL
    unsigned without;          // shared ones that mean nothing here: neither known nor in the help
    const cli_rule *rules;     // or NULL
    sn_status (*run)(const struct cli *);
} cli_command;

enum { CLI_VALUES = 256, CLI_OPERANDS = 1024 };

typedef struct cli {
    const cli_command *command;
    const char *operand[CLI_OPERANDS];
    int operands;
    const char *name[CLI_VALUES], *value[CLI_VALUES]; // options in the order given
    int values;
    bool quiet, json;
} cli;

// Fills *c from the arguments behind the command's name. SN_USAGE names the argument. *help: --help was asked for and printed.
sn_status cli_parse(const cli_command *, int argc, char **argv, cli *c, bool *help);
void cli_print_help(const cli_command *);
extern const cli_command *const cli_commands[]; // all, ended by NULL (supernet.c)
// Option i of a command, its own ones first, then the shared ones that it takes; NULL at the end.
const cli_option *cli_option_at(const cli_command *, int i);
const char *cli_get(const cli *, const char *name); // last value given, or NULL
// The words of an option, a shared one or (name "") the first operand; NULL: it is none of words.
const char *const *cli_words(const cli_command *, const char *name);
// Which of its words an option's value is; *out as it is where not given. SN_USAGE names the nearest.
sn_status cli_word(const cli *, const char *name, int *out);
// A whole number within low .. high; the fallback when the option is not given.
sn_status cli_number(const cli *, const char *name, long low, long high, long fallback, long *out);

// A number in decimal digits, with a point or an exponent; *end is behind it. NAN: there is none.
double cli_decimal(const char *text, const char **end);

// --max-macs, --max-params: numbers such as 6000000, 6e6, 6M, 500k; SN_NO_LIMIT where they are not given.
#define CLI_LIMITS                                                                                                               \
    {"max-macs", 0, "N", "only architectures of at most N multiplications, such as 6M"}, {                                       \
        "max-params", 0, "N", "only architectures of at most N parameters, such as 500k"                                         \
    }
sn_status cli_limits(const cli *, sn_cost *most);

// --notation, of the words sn_notation_words: *out is NULL where it is not given. SN_USAGE where archs of the space are not
// written so, or, of what must be one, not on a line.
sn_status cli_notation(const cli *, const sn_space *, bool line, const sn_notation **out);

// --epoch, which cli_open_run heeds.
#define CLI_EPOCH                                                                                                                \
    { "epoch", 0, "E", "with the weights of epoch E, of those whose checkpoint was kept (default: the newest)" }

// Overrides for the config from --set, --threads and --device. Texts are owned (cli_free_overrides).
typedef struct {
    char *text[CLI_VALUES];
    int n;
} cli_overrides;
sn_status cli_overrides_of(const cli *, cli_overrides *out);
void cli_free_overrides(cli_overrides *);
bool cli_is_folder(const char *path);
// The config, or the run, named by an operand, with the overrides of the command line. The config of a run folder is that in it.
sn_status cli_config(const cli *, const char *path, sn_config **out);
// Adds to a message about a source of data how to name another place; to the data of a run, which may have moved.
void cli_add_moved(const cli *);
sn_status cli_open_run(const cli *, const char *path, sn_run **out);

// Becomes the writer of a run folder, which is made if needed; says so when the file system cannot lock.
sn_status cli_lock(const cli *, const char *folder, sn_folder **out);
// The same for a folder that must be a run already; SN_USAGE names the command when it is not.
sn_status cli_lock_run(const cli *, const char *folder, sn_folder **out);

// For commands that save what they have: SIGTERM, SIGINT, SIGHUP (unless ignored, as by nohup), SIGUSR1 and SIGUSR2 set this, the
// work in hand is finished and saved. Others die by them, having nothing to lose.
extern volatile sig_atomic_t cli_stop;
extern volatile sig_atomic_t cli_hung_up; // by SIGHUP: the terminal is gone
void cli_watch_signals(void);
bool cli_asked_to_stop(void *unused); // for sn_score_job

// What a person reads, by the one writer (terminal.h). printf for results, on stdout; tables: table.h.
void cli_print(const char *format, ...) __attribute__((format(printf, 1, 2)));
// On stderr: a message unless --quiet; "warning: ..." and "supernet: ...", also with --quiet.
void cli_say(const cli *, const char *format, ...) __attribute__((format(printf, 2, 3)));
void cli_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void cli_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
// How far a work is, unless --quiet; what is printed is the share that is done and fields separated by ", ", the most important
// first (terminal_progress).
void cli_progress(const cli *, double done, const char *format, ...) __attribute__((format(printf, 3, 4)));
// Where scoring cannot take all images at once: how it does, and whether rank.memory was too little.
void cli_say_layout(const cli *, const sn_score_layout *);
// Images of each split, where they are kept, and what is missing.
void cli_say_data(const cli *, const sn_run *);
// What fitted scores do not speak of: options never scored, losses that are not finite.
void cli_say_left_out(const cli *, const sn_ranking *);
// --csv FILE: whether it can be written; what `fill` puts into it, whole or not at all, as every output. FILE may be -, stdout,
// which then holds nothing else.
sn_status cli_check_csv(const cli *);
bool cli_csv_only(const cli *);
sn_status cli_write_csv(const cli *, sn_status (*fill)(const void *what, FILE *), const void *what);
// "1.2 s", "12 s", "4 min 05 s", "1 h 02 min"
const char *cli_duration(double seconds, char text[32]);
// "0.123", or "-" for a figure that does not exist (NaN).
const char *cli_figure(double, char text[32]);
// An accuracy or loss, "0.1234", or "-"; multiplications in millions, "12.345".
const char *cli_score(double, char text[32]);
const char *cli_mmacs(int64_t macs, char text[32]);
bool cli_has_top5(const sn_space *); // whether it says something: of 5 classes every image is right
// "s", or "" after 1.
const char *cli_plural(long n);
// One JSON object on stdout; takes the reference. What stdout refuses is told at the end (supernet.c).
sn_status cli_print_json(json_t *);
// A number, or null where it is not finite or not known (pass NAN).
json_t *cli_real(double);
// The number of archs in plain digits, for programs; there may be more than JSON's numbers can count.
const char *cli_digits(const sn_space *, char text[SN_SIZE_TEXT]);

// Every use of test images is written down, in the log of the run that the net is from (of a checkpoint file: the run it lies in;
// elsewhere there is only a warning).
sn_status cli_log_test(const cli *, const sn_run *, const char *checkpoint, const sn_score *);

// The arch that --arch names for a command that needs neither weights nor data: of the config or the run at `path`, with the
// space and the graph made from it; `best` is that of a run's ranking, which is opened for it. Within --max-macs and
// --max-params.
sn_status cli_arch(const cli *, const char *path, const sn_space *, const sn_graph *, sn_arch *out);

// The archs asked for by --arch (several), --sample N, --archs FILE; within limits. *archs is the caller's.
sn_status cli_archs(const cli *, const sn_run *, sn_cost most, sn_arch **archs, long *n);

#endif

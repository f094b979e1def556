// Options, signals, progress and output shared by the commands; see cli.h.
#include "cli.h"
#include "io/config/config_table.h"
#include "io/config/problems.h"
#include "io/data/decode.h"
#include "io/files/atomic.h"
#include "space/within.h"
#include "table.h"
#include "terminal.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// ---------------------------------------------------------------- options
static const cli_option common[] = { // first those of CLI_SET, CLI_JSON
    {"set", 0, "KEY=VALUE", "override a key of the config (`supernet help config`); may be repeated"},
    {"json", 0, NULL, "print the result as JSON"},
    {"threads", 0, "N", "worker threads (default: one per processor)"},
    {"device", 0, "NAME", "cpu (best instructions of this processor), cpu-avx2, cpu-avx512, cpu-plain, ref, ref64"},
    {"quiet", 'q', NULL, "no progress, no messages but errors"},
    {"help", 'h', NULL, "this text"},
    {0}};

const cli_option *cli_option_at(const cli_command *c, int i) {
    for (const cli_option *o = c->options; o && o->name; o++)
        if (i-- == 0) return o;
    for (int k = 0; common[k].name; k++)
        if (!(c->without >> k & 1) && i-- == 0) return &common[k];
    return NULL;
}

static const cli_option *find(const cli_command *c, const char *name, size_t n, char letter) {
    const cli_option *o;
    for (int i = 0; (o = cli_option_at(c, i)); i++)
        if (letter ? o->letter == letter : strlen(o->name) == n && !strncmp(o->name, name, n)) return o;
    return NULL;
}

static const char *option_word(const void *command, int i) {
    const cli_option *o = cli_option_at(command, i);
    return o ? o->name : NULL;
}

static void print_option(const cli_option *o) {
    char letter[5] = "    ", left[64];
    if (o->letter) snprintf(letter, sizeof letter, "-%c, ", o->letter);
    snprintf(left, sizeof left, "  %s--%s%s%s", letter, o->name, o->value ? " " : "", o->value ? o->value : "");
    terminal_pair(stdout, left, 29, o->help);
}

static void print_paragraph(const char *text) {
    terminal_wrap(stdout, 0, 0, text);
    cli_print("\n");
}

void cli_print_help(const cli_command *c) {
    cli_print("Usage: supernet %s%s%s [OPTIONS]\n", c->name, c->operands[0] ? " " : "", c->operands);
    print_paragraph(c->summary);
    if (c->details) {
        cli_print("\n");
        print_paragraph(c->details);
    }
    cli_print("\nOptions:\n");
    const cli_option *o;
    for (int i = 0; (o = cli_option_at(c, i)); i++) print_option(o);
}

static sn_status add_value(cli *c, const char *name, const char *value) {
    if (c->values == CLI_VALUES) return sn_error(SN_USAGE, "more than %d options", CLI_VALUES);
    c->name[c->values] = name;
    c->value[c->values++] = value;
    return SN_OK;
}

// A key of the config that ends in such a word, of those that a user most likely means; NULL: there is none.
static const char *key_named(const cli_command *command, const char *word, size_t n) {
    char own[32];
    snprintf(own, sizeof own, "%s.", command->name);
    const char *const sections[] = {own, "train.", "data.", "rank.", "train.optimizer.", "retrain.", "space.", "export."};
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        for (const sn_key *k = sn_keys; k->path; k++) {
            size_t m = strlen(sections[i]);
            if (!strncmp(k->path, sections[i], m) && strlen(k->path + m) == n && !strncmp(k->path + m, word, n)) return k->path;
        }
    return NULL;
}

static sn_status unknown_option(const cli_command *command, const char *text, const char *next) {
    const char *word = text + strspn(text, "-"), *equal = strchr(text, '='), *key = key_named(command, word, strcspn(word, "="));
    if (key && text[1] == '-' && find(command, "set", 3, 0))
        return sn_error(SN_USAGE, "unknown option '%s' of `supernet %s`; a key of the config is set with --set %s=%s", text,
                        command->name, key,
                        equal                  ? equal + 1
                        : next && *next != '-' ? next
                                               : "VALUE");
    const char *near = sn_nearest(text + strspn(text, "-"), option_word, command);
    return sn_error(SN_USAGE, "unknown option '%s' of `supernet %s`%s%s%s; `supernet %s --help` lists them", text, command->name,
                    near ? "; did you mean --" : "", near ? near : "", near ? "?" : "", command->name);
}

static sn_status parse_option(const cli_command *command, cli *c, int argc, char **argv, int *i) {
    const char *text = argv[*i], *equal = strchr(text, '=');
    bool is_long = text[1] == '-';
    size_t n = is_long ? (equal ? (size_t)(equal - text) : strlen(text)) - 2 : 1;
    if (!is_long && text[2]) return unknown_option(command, text, argv[*i + 1]);
    const cli_option *o = find(command, text + 2, n, is_long ? 0 : text[1]);
    if (!o) return unknown_option(command, text, argv[*i + 1]);
    if (!o->value)
        return equal && is_long ? sn_error(SN_USAGE, "option --%s takes no value", o->name) : add_value(c, o->name, "");
    if (is_long && equal) return add_value(c, o->name, equal + 1);
    if (*i + 1 >= argc) return sn_error(SN_USAGE, "option --%s needs a value: %s", o->name, o->value);
    return add_value(c, o->name, argv[++*i]);
}

static sn_status check_rules(const cli *c) {
    for (const cli_rule *r = c->command->rules; r && r->option; r++) {
        if (!cli_get(c, r->option)) continue;
        bool other = cli_get(c, r->other);
        if (r->relation == CLI_NEEDS && !other)
            return sn_error(SN_USAGE, "--%s is found without --%s; allowed are both, or neither", r->option, r->other);
        if (r->relation == CLI_EXCLUDES && other)
            return sn_error(SN_USAGE, "--%s is found beside --%s; allowed is one of them", r->option, r->other);
    }
    return SN_OK;
}

sn_status cli_parse(const cli_command *command, int argc, char **argv, cli *c, bool *help) {
    *c = (cli){.command = command};
    *help = false;
    bool only_operands = false;
    for (int i = 0; i < argc; i++) {
        if (!only_operands && !strcmp(argv[i], "--")) {
            only_operands = true;
        } else if (!only_operands && argv[i][0] == '-' && argv[i][1]) {
            SN_TRY(parse_option(command, c, argc, argv, &i));
        } else if (c->operands == command->most) {
            return sn_error(SN_USAGE, "`supernet %s` takes %s: '%s' is one too many", command->name,
                            command->most ? command->operands : "no operands", argv[i]);
        } else {
            c->operand[c->operands++] = argv[i];
        }
    }
    c->quiet = cli_get(c, "quiet");
    c->json = cli_get(c, "json");
    *help = cli_get(c, "help");
    if (*help)
        cli_print_help(command);
    else if (c->operands < command->least)
        return sn_error(SN_USAGE, "`supernet %s` needs %s; `supernet %s --help` says more", command->name, command->operands,
                        command->name);
    return *help ? SN_OK : check_rules(c);
}

const char *cli_get(const cli *c, const char *name) {
    for (int i = c->values - 1; i >= 0; i--)
        if (!strcmp(c->name[i], name)) return c->value[i];
    return NULL;
}

const char *const *cli_words(const cli_command *command, const char *name) {
    for (const cli_choice *k = command->choices; k && k->option; k++)
        if (!strcmp(k->option, name)) return k->words;
    return strcmp(name, "device") ? NULL : sn_device_words;
}

sn_status cli_word(const cli *c, const char *name, int *out) {
    const char *text = *name ? cli_get(c, name) : c->operand[0];
    const char *const *words = cli_words(c->command, name);
    int i = 0;
    while (text && words[i] && strcmp(text, words[i])) i++;
    if (text && !words[i])
        return sn_error(SN_USAGE, "%s%s: found '%s'; allowed are %s%s", *name ? "--" : "", *name ? name : c->command->name, text,
                        sn_words_joined(words).text, sn_words_hint(text, words).text);
    if (text) *out = i;
    return SN_OK;
}

sn_status cli_number(const cli *c, const char *name, long low, long high, long fallback, long *out) {
    const char *text = cli_get(c, name);
    *out = fallback;
    if (!text) return SN_OK;
    char *end;
    errno = 0;
    long v = strtol(text, &end, 10);
    if (!*text || *end || errno || v < low || v > high)
        return sn_error(SN_USAGE, "--%s: found '%s'; allowed are whole numbers from %ld to %ld", name, text, low, high);
    *out = v;
    return SN_OK;
}

double cli_decimal(const char *text, const char **end) {
    size_t n = strspn(text, "0123456789."), digits = 0;
    char *behind = NULL;
    for (size_t i = 0; i < n; i++) digits += text[i] != '.';
    bool hexadecimal = text[n] == 'x' || text[n] == 'X'; // to strtod
    double v = digits && !hexadecimal ? strtod(text, &behind) : NAN;
    *end = behind ? behind : text;
    return v;
}

// A number with a suffix or an exponent, rounded down.
static sn_status parse_amount(const char *name, const char *text, int64_t *out) {
    static const struct {
        const char *suffix;
        double factor;
    } units[] = {{"", 1}, {"k", 1e3}, {"K", 1e3}, {"M", 1e6}, {"G", 1e9}};
    const char *end;
    double v = cli_decimal(text, &end);
    for (size_t i = 0; end > text && i < sizeof units / sizeof *units; i++) {
        double amount = floor(v * units[i].factor * (1 + 1e-15)); // 2.3M is 2300000, whatever binary makes of 2.3
        if (strcmp(end, units[i].suffix) || !(amount >= 1 && amount < 9e18)) continue;
        *out = (int64_t)amount;
        return SN_OK;
    }
    return sn_error(SN_USAGE, "--%s: found '%s'; allowed are numbers from 1 on, such as 6000000, 6e6, 6M (k, M, G)", name, text);
}

sn_status cli_limits(const cli *c, sn_cost *most) {
    const char *macs = cli_get(c, "max-macs"), *params = cli_get(c, "max-params");
    *most = SN_NO_LIMIT;
    if (macs) SN_TRY(parse_amount("max-macs", macs, &most->macs));
    return params ? parse_amount("max-params", params, &most->params) : SN_OK;
}

static sn_status override_text(const char *name, const char *value, char **out) {
    if (strcmp(name, "set")) {
        *out = sn_format("--%s=%s", name, value);
    } else {
        if (!strncmp(value, "--", 2))
            return sn_error(SN_USAGE, "--set: found '%s'; allowed is KEY=VALUE, such as train.epochs=3", value);
        *out = sn_strdup(value);
    }
    return *out ? SN_OK : SN_RESOURCE;
}

sn_status cli_overrides_of(const cli *c, cli_overrides *out) {
    *out = (cli_overrides){0};
    sn_status s = SN_OK;
    for (int i = 0; i < c->values && s == SN_OK; i++) {
        if (strcmp(c->name[i], "set") && strcmp(c->name[i], "threads") && strcmp(c->name[i], "device")) continue;
        s = override_text(c->name[i], c->value[i], &out->text[out->n]);
        if (s == SN_OK) out->n++;
    }
    if (s != SN_OK) cli_free_overrides(out);
    return s;
}

void cli_free_overrides(cli_overrides *o) {
    for (int i = 0; i < o->n; i++) free(o->text[i]);
    *o = (cli_overrides){0};
}

bool cli_is_folder(const char *path) {
    struct stat st;
    return !stat(path, &st) && S_ISDIR(st.st_mode);
}

static sn_status check_run_folder(const cli *c, const char *folder) {
    char *config = sn_folder_file(folder, "config.yaml");
    if (!config) return SN_RESOURCE;
    sn_status s = access(config, F_OK)
                      ? sn_error(SN_USAGE, "`supernet %s` needs a run folder; there is no %s", c->command->name, config)
                      : SN_OK;
    free(config);
    return s;
}

static sn_status load_config(const cli *c, const char *path, const cli_overrides *o, sn_config **out) {
    const char *const *set = (const char *const *)o->text;
    if (!cli_is_folder(path)) return sn_config_load(path, set, o->n, out);
    SN_TRY(check_run_folder(c, path));
    char *inside = sn_folder_file(path, "config.yaml");
    sn_status s = inside ? sn_config_of_folder(inside, set, o->n, out) : SN_RESOURCE;
    free(inside);
    return s;
}

sn_status cli_config(const cli *c, const char *path, sn_config **out) {
    cli_overrides o;
    SN_TRY(cli_overrides_of(c, &o));
    sn_status s = load_config(c, path, &o, out);
    cli_free_overrides(&o);
    return s;
}

void cli_add_moved(const cli *c) {
    if (!strncmp(sn_error_text(), "data.source: ", 13) && !cli_get(c, "set"))
        sn_error(SN_DATA, "%s; if the data have moved: --set data.source=PLACE", sn_error_text());
}

// What the weights of a run are, where they are not those after its last step.
static void say_weights(const cli *c, const char *path, const sn_run *r) {
    if (cli_get(c, "epoch"))
        cli_say(c, "%s: the weights are those of epoch %s, step %lld of %lld", path, cli_get(c, "epoch"), (long long)r->step,
                (long long)sn_run_steps(r));
    else if (r->step < sn_run_steps(r))
        cli_say(c, "%s is unfinished: the weights are those of step %lld of %lld", path, (long long)r->step,
                (long long)sn_run_steps(r));
    if (r->passed_over && !cli_get(c, "epoch"))
        cli_warn("the weights are older ones, of step %lld: passed over: %s", (long long)r->step, r->passed_over);
}

sn_status cli_open_run(const cli *c, const char *path, sn_run **out) {
    cli_overrides o;
    long epoch;
    sn_run *r;
    SN_TRY(cli_number(c, "epoch", 0, 100000, 0, &epoch));
    if (cli_is_folder(path)) SN_TRY(check_run_folder(c, path));
    SN_TRY(cli_overrides_of(c, &o));
    sn_status s = sn_run_open(path, (const char *const *)o.text, o.n, &cli_stop, &r);
    cli_free_overrides(&o);
    if (s == SN_DATA) cli_add_moved(c);
    if (s != SN_OK) return s;
    if (cli_get(c, "epoch") && (s = sn_run_to_epoch(r, epoch)) != SN_OK) {
        sn_run_free(r);
        return s;
    }
    say_weights(c, path, r);
    *out = r;
    return SN_OK;
}

sn_status cli_lock(const cli *c, const char *folder, sn_folder **out) {
    const char *warning;
    SN_TRY(sn_folder_open(folder, out, &warning));
    if (warning && !c->quiet) cli_warn("%s", warning);
    return SN_OK;
}

sn_status cli_lock_run(const cli *c, const char *folder, sn_folder **out) {
    SN_TRY(check_run_folder(c, folder));
    return cli_lock(c, folder, out);
}

// ---------------------------------------------------------------- signals
volatile sig_atomic_t cli_stop, cli_hung_up;

static void on_signal(int number) {
    if (number == SIGHUP) cli_hung_up = 1;
    cli_stop = 1;
}

void cli_watch_signals(void) {
    const int numbers[] = {SIGTERM, SIGINT, SIGUSR1, SIGUSR2};
    struct sigaction a = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&a.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) sigaction(numbers[i], &a, NULL);
    struct sigaction before;
    if (!sigaction(SIGHUP, NULL, &before) && before.sa_handler != SIG_IGN) sigaction(SIGHUP, &a, NULL);
}

bool cli_asked_to_stop(void *unused) {
    (void)unused;
    return cli_stop != 0;
}

// ---------------------------------------------------------------- text
void cli_print(const char *format, ...) {
    va_list args;
    va_start(args, format);
    terminal_put(stdout, TERMINAL_PLAIN, "", format, args);
    va_end(args);
}

__attribute__((format(printf, 3, 0))) static void put_message(terminal_style style, const char *word, const char *format,
                                                              va_list args) {
    terminal_put(stderr, style, word, format, args);
    fputc('\n', stderr);
}

void cli_say(const cli *c, const char *format, ...) {
    va_list args;
    va_start(args, format);
    if (!c->quiet) put_message(TERMINAL_PLAIN, "", format, args);
    va_end(args);
}

void cli_warn(const char *format, ...) {
    va_list args;
    va_start(args, format);
    put_message(TERMINAL_YELLOW, "warning: ", format, args);
    va_end(args);
}

void cli_fail(const char *format, ...) {
    va_list args;
    va_start(args, format);
    put_message(TERMINAL_RED, "supernet: ", format, args);
    va_end(args);
}

void cli_progress(const cli *c, double done, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (!c->quiet) terminal_progress(done, text);
}

void cli_say_layout(const cli *c, const sn_score_layout *l) {
    double bytes = (double)l->bytes / 0x1p20, allowed = (double)l->allowed / 0x1p20;
    if (l->bytes > l->allowed)
        cli_say(c, "scoring takes %.0f MiB, what one batch needs; rank.memory allows %.0f MiB", bytes, allowed);
    else if (l->blocks > 1)
        cli_say(c, "scoring in %d blocks of images, %.0f MiB; rank.memory allows %.0f MiB", l->blocks, bytes, allowed);
}

void cli_say_data(const cli *c, const sn_run *r) {
    long validation = sn_dataset_count(r->data, SN_VALIDATION), test = sn_dataset_count(r->data, SN_TEST);
    char *unread = sn_images_unread(r->config->data.source);
    cli_say(c, "data: %ld training, %ld validation, %ld test images%s%s%s; cache %s", sn_dataset_count(r->data, SN_TRAIN),
            validation, test, unread && *unread ? " (not read: folder " : "", unread ? unread : "", unread && *unread ? ")" : "",
            sn_dataset_cache(r->data));
    if (r->part[1]) cli_say(c, "of the training images %ld train the weights, as many others the alphas", r->images);
    if (!validation && !r->config->space.arch[0] && !r->config->train.use_validation && !c->quiet)
        cli_warn("no validation images, so nothing can be ranked: data.validation holds some of the training images out%s",
                 unread && *unread ? "; or name their folder val" : "");
    if (!test) cli_say(c, "no test images: a retrained net will have no test score");
    free(unread);
}

void cli_say_left_out(const cli *c, const sn_ranking *k) {
    if (k->unscored)
        cli_say(c, "%ld option%s never scored; architectures with such an option have no fitted score", k->unscored,
                k->unscored == 1 ? " was" : "s were");
    if (k->fitted.overflowed && !k->fitted.unfitted[1][0])
        cli_say(c, "the loss is fitted without %ld architecture%s whose loss is not finite", k->fitted.overflowed,
                cli_plural(k->fitted.overflowed));
}

bool cli_csv_only(const cli *c) {
    const char *path = cli_get(c, "csv");
    return path && !strcmp(path, "-");
}

sn_status cli_check_csv(const cli *c) {
    if (cli_csv_only(c) && c->json)
        return sn_error(SN_USAGE, "--csv - is found beside --json, and both print to stdout; allowed is one of them");
    return cli_get(c, "csv") && !cli_csv_only(c) ? sn_file_replaceable(cli_get(c, "csv")) : SN_OK;
}

sn_status cli_write_csv(const cli *c, sn_status (*fill)(const void *what, FILE *), const void *what) {
    const char *path = cli_get(c, "csv");
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    if (!f) return sn_error(SN_RESOURCE, "%s: out of memory for the CSV", path);
    sn_status s = fill(what, f);
    if (fclose(f) && s == SN_OK) s = sn_error(SN_RESOURCE, "%s: out of memory for the CSV", path);
    if (s == SN_OK && cli_csv_only(c)) {
        terminal_clear();
        fwrite(text, 1, size, stdout);
    } else if (s == SN_OK) {
        s = sn_text_write(path, text);
    }
    free(text);
    return s;
}

const char *cli_duration(double seconds, char text[32]) {
    long s = seconds > 0 ? (long)(seconds + 0.5) : 0;
    if (seconds < 100)
        snprintf(text, 32, "%.*f s", seconds < 9.95 ? 1 : 0, seconds > 0 ? seconds : 0);
    else if (s < 6000)
        snprintf(text, 32, "%ld min %02ld s", s / 60, s % 60);
    else
        snprintf(text, 32, "%ld h %02ld min", s / 3600, s % 3600 / 60);
    return text;
}

const char *cli_figure(double v, char text[32]) {
    snprintf(text, 32, isnan(v) ? "-" : "%.3f", v);
    return text;
}

const char *cli_score(double v, char text[32]) {
    snprintf(text, 32, isfinite(v) ? "%.4f" : "-", v);
    return text;
}

const char *cli_mmacs(int64_t macs, char text[32]) {
    snprintf(text, 32, "%.3f", (double)macs * 1e-6);
    return text;
}

bool cli_has_top5(const sn_space *s) {
    return s->classes > 5;
}

const char *cli_plural(long n) {
    return n == 1 ? "" : "s";
}

sn_status cli_print_json(json_t *value) {
    terminal_clear();
    if (!value) return sn_error(SN_FAIL, "the result cannot be written as JSON: a number is not finite or a text is not UTF-8");
    int bad = json_dumpf(value, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) || putchar('\n') == EOF;
    json_decref(value);
    return bad && !ferror(stdout) ? sn_error(SN_RESOURCE, "out of memory for the result as JSON") : SN_OK;
}

json_t *cli_real(double v) {
    return isfinite(v) ? json_real(v) : json_null();
}

const char *cli_digits(const sn_space *s, char text[SN_SIZE_TEXT]) {
    char *to = text;
    sn_space_size(s, text, SN_SIZE_TEXT);
    for (const char *p = text; *p; p++)
        if (*p != ',') *to++ = *p;
    *to = 0;
    return text;
}

// ---------------------------------------------------------------- the log of test images
// log.jsonl of the run, or NULL.
static char *test_log(const sn_run *r, const char *checkpoint) {
    if (r->folder) return sn_folder_file(r->folder, "log.jsonl");
    const char *slash = strrchr(checkpoint, '/');
    char *folder = slash ? sn_format("%.*s/..", (int)(slash - checkpoint), checkpoint) : sn_strdup("..");
    char *config = folder ? sn_folder_file(folder, "config.yaml") : NULL;
    char *log = config && !access(config, F_OK) ? sn_folder_file(folder, "log.jsonl") : NULL;
    free(config);
    free(folder);
    return log;
}

sn_status cli_log_test(const cli *c, const sn_run *r, const char *checkpoint, const sn_score *s) {
    char *path = test_log(r, checkpoint), arch[SN_ARCH_TEXT];
    if (!path) {
        if (!c->quiet) cli_warn("this use of test images is written down nowhere: %s lies in no run", checkpoint);
        return SN_OK;
    }
    json_t *line = json_pack("{s:I,s:s,s:s,s:f,s:f,s:o,s:I}", "step", (json_int_t)r->step, "test_split", c->command->name, "arch",
                             sn_arch_text(r->space, &s->arch, arch), "top1", (double)s->top1 / (double)s->images, "top5",
                             (double)s->top5 / (double)s->images, "loss", cli_real(s->loss), "images", (json_int_t)s->images);
    char *text = line ? json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    sn_status status = text ? sn_log_append(path, text) : sn_error(SN_RESOURCE, "%s: out of memory for a line", path);
    free(text);
    json_decref(line);
    free(path);
    return status;
}

// ---------------------------------------------------------------- archs
sn_status cli_notation(const cli *c, const sn_space *s, bool line, const sn_notation **out) {
    int which = -1;
    SN_TRY(cli_word(c, "notation", &which));
    *out = which < 0 ? NULL : sn_notations[which];
    if (!*out) return SN_OK;
    if (line && (*out)->document)
        return sn_error(SN_USAGE, "--notation %s: its texts are many lines, which a CSV cannot hold", (*out)->name);
    sn_arch first = sn_arch_first(s);
    char *text = sn_notation_text(*out, s, &first);
    free(text);
    return text ? SN_OK : sn_error_prefix(sn_error_code(), "--notation");
}

static sn_status best_of_run(const cli *c, const char *path, sn_cost most, sn_arch *out) {
    sn_run *r;
    if (!cli_is_folder(path))
        return sn_error(SN_USAGE, "--arch best: %s is a config, which has no ranking; allowed is an architecture, or a run",
                        path);
    SN_TRY(cli_open_run(c, path, &r));
    sn_status s = sn_arch_named(r, "best", most, out);
    sn_run_free(r);
    return s;
}

sn_status cli_arch(const cli *c, const char *path, const sn_space *s, const sn_graph *g, sn_arch *out) {
    sn_cost most;
    SN_TRY(cli_limits(c, &most));
    if (!strcmp(cli_get(c, "arch"), "best")) return best_of_run(c, path, most, out);
    SN_TRY(sn_arch_parse(s, cli_get(c, "arch"), out));
    return sn_arch_within(g, s, out, most);
}

// Room for n more.
static sn_status more_room(sn_arch **list, size_t *capacity, long have, long n) {
    return sn_grow(list, capacity, (size_t)have + (size_t)n, sizeof **list);
}

// As many as there are within the limits.
static sn_status add_random(const cli *c, const sn_run *r, sn_cost most, sn_arch *list, long *n) {
    long sample, got;
    SN_TRY(cli_number(c, "sample", 1, SN_MOST_ARCHS, 0, &sample));
    sn_rng rng = sn_rng_at((uint32_t)r->config->train.seed, SN_STREAM_ARCHS, 0, 0, 0);
    bool limited = most.macs != INT64_MAX || most.params != INT64_MAX;
    for (long i = 0; i < sample && !limited; i++) list[(*n)++] = sn_arch_random(r->space, &rng);
    if (!sample || !limited) return SN_OK;
    SN_TRY(sn_arch_sample_within(r->graph, r->space, &rng, most, sample, list + *n, &got));
    if (got < sample) cli_say(c, "only %ld architecture%s within the limits, not %ld", got, got == 1 ? " is" : "s are", sample);
    *n += got;
    return SN_OK;
}

static sn_status collect(const cli *c, const sn_run *r, sn_cost most, sn_arch **list, long *n) {
    size_t capacity = 0;
    long sample;
    for (int i = 0; i < c->values; i++) {
        if (strcmp(c->name[i], "arch")) continue;
        SN_TRY(more_room(list, &capacity, *n, 1));
        SN_TRY(sn_arch_named(r, c->value[i], most, &(*list)[*n]));
        ++*n;
    }
    SN_TRY(cli_number(c, "sample", 1, SN_MOST_ARCHS, 0, &sample));
    SN_TRY(more_room(list, &capacity, *n, sample));
    SN_TRY(add_random(c, r, most, *list, n));
    if (cli_get(c, "archs")) {
        sn_arch *more;
        long m;
        SN_TRY(sn_archs_choose(r, cli_get(c, "archs"), 0, most, &cli_stop, &more, &m));
        sn_status s = more_room(list, &capacity, *n, m);
        if (s == SN_OK) memcpy(*list + *n, more, (size_t)m * sizeof *more), *n += m;
        free(more);
        SN_TRY(s);
    }
    return *n ? SN_OK
              : sn_error(SN_USAGE, "which architecture? give --arch A (a text, best or likeliest), --sample N or --archs FILE");
}

sn_status cli_archs(const cli *c, const sn_run *r, sn_cost most, sn_arch **archs, long *n) {
    sn_arch *list = NULL;
    long count = 0;
    sn_status s = collect(c, r, most, &list, &count);
    if (s != SN_OK)
        free(list);
    else
        *archs = list, *n = count;
    return s;
}

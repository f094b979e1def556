// supernet trace RUN|CONFIG: training steps as an HDF5 file that another program can redo and check.
#include "cli.h"
#include "io/files/atomic.h"
#include "supernet/train/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const cli_option options[] = {{"steps", 0, "A:B", "steps A to B, counted from 1"},
                                     {"output", 'o', "FILE", "where to"},
                                     {"inputs-only", 0, NULL, "images, labels and paths alone"},
                                     {0}};

static sn_status parse_steps(const char *text, int64_t *first, int64_t *last) {
    char *end;
    *first = strtoll(text, &end, 10);
    *last = *first;
    if (end != text && *end == ':') {
        char *from = end + 1;
        *last = strtoll(from, &end, 10);
        if (end == from) end = (char *)text;
    }
    if (end == text || *end || *first < 1 || *last < *first)
        return sn_error(SN_USAGE, "--steps: found '%s'; allowed is A:B with 1 <= A <= B", text);
    return SN_OK;
}

// A config starts from initial weights; a run goes on from its newest checkpoint.
static sn_status open_any(const cli *c, sn_run **r) {
    struct stat st;
    const char *path = c->operand[0];
    size_t n = strlen(path);
    bool config = !stat(path, &st) && S_ISREG(st.st_mode) && !(n > 3 && !strcmp(path + n - 3, ".h5"));
    if (!config) return cli_open_run(c, path, r);
    sn_config *loaded;
    SN_TRY(cli_config(c, path, &loaded));
    return sn_run_create(loaded, &cli_stop, r);
}

static sn_status run(const cli *c) {
    int64_t first, last;
    sn_run *r;
    if (!cli_get(c, "steps") || !cli_get(c, "output")) return sn_error(SN_USAGE, "trace needs --steps A:B and -o FILE");
    SN_TRY(parse_steps(cli_get(c, "steps"), &first, &last));
    SN_TRY(sn_file_replaceable(cli_get(c, "output")));
    SN_TRY(open_any(c, &r));
    sn_status s = sn_trace(r, first, last, cli_get(c, "inputs-only") != NULL, cli_get(c, "output"));
    sn_run_free(r);
    SN_TRY(s);
    if (c->json)
        return cli_print_json(json_pack("{s:i,s:s,s:I,s:I}", "schema", 1, "file", cli_get(c, "output"), "first",
                                        (json_int_t)first, "last", (json_int_t)last));
    cli_print("%s: steps %lld to %lld\n", cli_get(c, "output"), (long long)first, (long long)last);
    return SN_OK;
}

const cli_command cmd_trace = {
    .name = "trace",
    .operands = "RUN|CONFIG",
    .summary = "training steps as an HDF5 file, to be checked by others",
    .details = "From a config, training starts from its initial weights; from a run, it goes on from the newest "
               "checkpoint. Nothing is saved of the training itself.\n"
               "tests/peer/replay.py, or in mode relax replay_relaxed.py, redoes a trace in PyTorch.",
    .least = 1,
    .most = 1,
    .options = options,
    .run = run,
};

// The commands and their options as a manual page and as completions of shells, all from the tables that parse them.
// Not here: `help` on a terminal (cli.c), the keys of a config (io/config/config_help.c). Next: cmd_help.c.
#ifndef MANUAL_H
#define MANUAL_H

#include "cli.h"

#include <stdio.h>

// The words of `help --as`, in the order of sn_manual_form; ended by NULL.
extern const char *const manual_words[];
typedef enum { MANUAL_MAN, MANUAL_BASH, MANUAL_ZSH } manual_form;

// man: roff for supernet.1. bash: a file that is sourced, as in share/bash-completion/completions. zsh: the function _supernet,
// as in a folder of fpath. The same bytes from the same program, on every machine. What out refuses is for the caller to find.
void manual_write(manual_form, FILE *out);

#endif

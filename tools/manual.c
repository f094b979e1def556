// The manual page and the completions of shells; see manual.h.
#include "manual.h"
#include "io/config/config_table.h"

#include <ctype.h>
#include <string.h>

const char *const manual_words[] = {"man", "bash", "zsh", NULL};

// ---------------------------------------------------------------- man
// Text in roff: what `is quoted like this` is bold.
static void roff(const char *text, FILE *out) {
    bool bold = false, first = true;
    for (const char *p = text; *p; p++) {
        if (first && (*p == '.' || *p == '\'')) fputs("\\&", out);
        first = *p == '\n';
        if (*p == '`')
            fputs((bold = !bold) ? "\\fB" : "\\fR", out);
        else if (*p == '\\')
            fputs("\\e", out);
        else if (*p == '-')
            fputs("\\-", out);
        else
            fputc(*p, out);
    }
}

static void man_option(const cli_option *o, FILE *out) {
    fputs(".TP\n", out);
    if (o->letter) fprintf(out, "\\fB\\-%c\\fR, ", o->letter);
    fputs("\\fB\\-\\-", out);
    roff(o->name, out);
    fputs("\\fR", out);
    if (o->value) {
        fputs(" \\fI", out);
        roff(o->value, out);
        fputs("\\fR", out);
    }
    fputc('\n', out);
    roff(o->help, out);
    fputc('\n', out);
}

static void man_command(const cli_command *c, FILE *out) {
    fprintf(out, ".SS supernet %s ", c->name);
    roff(c->operands, out);
    fputc('\n', out);
    roff(c->summary, out);
    fputs(".\n", out);
    if (c->details) {
        fputs(".PP\n", out);
        roff(c->details, out);
        fputc('\n', out);
    }
    const cli_option *o;
    for (int i = 0; (o = cli_option_at(c, i)); i++) man_option(o, out);
}

static void man_exit_codes(FILE *out) {
    fputs(".SH EXIT STATUS\n", out);
#define X(name, code, text) fprintf(out, ".TP\n.B %d\n%s\n", code, text);
    SN_STATUS_TABLE(X)
#undef X
}

static void man(FILE *out) {
    fprintf(out,
            ".TH SUPERNET 1 \"\" \"supernet %s\" \"User Commands\"\n.SH NAME\nsupernet \\- one-shot neural architecture search\n"
            ".SH SYNOPSIS\n.B supernet\n.I COMMAND\n[\\fIOPERANDS\\fR] [\\fIOPTIONS\\fR]\n.SH DESCRIPTION\n",
            SN_VERSION);
    roff("One network contains every candidate architecture of a search space; all candidates share its weights. Each minibatch\n"
         "trains one sampled path. Afterwards the shared weights score every architecture, the best is retrained and exported.\n"
         "A YAML file says what; `supernet help config` lists its keys.\n",
         out);
    fputs(".PP\n", out);
    roff("Results go to the standard output, progress and messages to the standard error. Stopped or killed, the same command "
         "goes on.\n",
         out);
    fputs(".SH COMMANDS\n", out);
    for (int i = 0; cli_commands[i]; i++) man_command(cli_commands[i], out);
    man_exit_codes(out);
    fputs(
        ".SH FILES\n.TP\n.I /usr/share/supernet/*.yaml\nconfigs to copy and change\n.TP\n.I /usr/share/supernet/spaces/*.yaml\n"
        "published spaces, named by \\fBspace.preset\\fR\n.TP\n.I ~/.cache/supernet\ndecoded images; may be removed at any time\n"
        ".TP\n.I RUN\nthe folder that train makes: config.yaml, log.jsonl, checkpoints, ranking.h5, retrained nets, exports\n"
        ".SH EXAMPLES\n.nf\n",
        out);
    roff("supernet train /usr/share/supernet/quickstart.yaml -o run\nsupernet rank run\nsupernet retrain run --arch best\n"
         "supernet export run --arch best -o model.onnx\n",
         out);
    fputs(".fi\n", out);
}

// ---------------------------------------------------------------- shells
// Whether a value is the path of a file or a folder.
static bool names_file(const char *value) {
    static const char *const words[] = {"FILE", "RUN", "FOLDER", "CONFIG", "CONFIG|RUN", "all|FILE", NULL};
    for (int i = 0; words[i]; i++)
        if (!strcmp(value, words[i])) return true;
    return false;
}

static void command_names(FILE *out) {
    for (int i = 0; cli_commands[i]; i++) fprintf(out, "%s%s", i ? " " : "", cli_commands[i]->name);
}

// Options of which `wanted` says yes, "--name" and "-x", as `ends` has them.
static void option_names(const cli_command *c, bool (*wanted)(const cli_option *), const char *ends, FILE *out) {
    const cli_option *o;
    const char *before = "";
    for (int i = 0; (o = cli_option_at(c, i)); i++) {
        if (!wanted(o)) continue;
        fprintf(out, "%s--%s", before, o->name);
        before = ends;
        if (o->letter) fprintf(out, "%s-%c", ends, o->letter);
    }
}

static bool any(const cli_option *o) {
    return o->name != NULL;
}

// Of a value that is no file.
static bool takes_word(const cli_option *o) {
    return o->value && !names_file(o->value);
}

static void put_words(const char *const *words, FILE *out) {
    for (int i = 0; words[i]; i++) fprintf(out, "%s%s", i ? " " : "", words[i]);
}

static void bash_command(const cli_command *c, FILE *out) {
    fprintf(out, "    %s)\n        options='", c->name);
    option_names(c, any, " ", out);
    fputs("'\n        words='", out);
    option_names(c, takes_word, " ", out);
    fputs("'\n", out);
    for (const cli_choice *k = c->choices; k && k->option; k++) {
        if (*k->option)
            fprintf(out, "        [ \"$before\" != --%s ] || choices='", k->option);
        else
            fputs("        operands='", out);
        put_words(k->words, out);
        fputs("'\n", out);
    }
    fputs(strcmp(c->name, "help") ? "        ;;\n" : "        operands=\"$commands config\"\n        ;;\n", out);
}

static void keys(FILE *out) {
    fputs("    local keys='", out);
    const char *before = "";
    for (const sn_key *k = sn_keys; k->path; k++, before = " ") fprintf(out, "%s%s", before, k->path);
    fputs("'\n", out);
}

static void bash(FILE *out) {
    fputs("# Completion of supernet for bash, made by `supernet help --as bash`.\n_supernet() {\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]}\n"
          "    local options words choices operands commands='",
          out);
    command_names(out);
    fputs("'\n", out);
    keys(out);
    fputs("    COMPREPLY=()\n"
          "    if [ \"$word\" = = ]; then\n" // --option=value is three words to bash
          "        word=\n"
          "    elif [ \"$before\" = = ]; then\n"
          "        before=${COMP_WORDS[COMP_CWORD - 2]}\n"
          "    fi\n"
          "    if [ \"$COMP_CWORD\" = 1 ]; then\n"
          "        COMPREPLY=($(compgen -W \"$commands --help --version\" -- \"$word\"))\n"
          "        return\n"
          "    fi\n"
          "    [ \"$before\" != --device ] || choices='",
          out);
    put_words(cli_words(cli_commands[0], "device"), out);
    fputs("'\n    case $command in\n", out);
    for (int i = 0; cli_commands[i]; i++) bash_command(cli_commands[i], out);
    fputs("    *) return ;;\n"
          "    esac\n"
          "    if [ \"$before\" = --set ]; then\n"
          "        compopt -o nospace 2>/dev/null\n"
          "        COMPREPLY=($(compgen -S = -W \"$keys\" -- \"$word\"))\n"
          "    elif [ -n \"$choices\" ]; then\n"
          "        COMPREPLY=($(compgen -W \"$choices\" -- \"$word\"))\n"
          "    elif [[ \" $words \" = *\" $before \"* ]]; then\n"
          "        return\n"
          "    elif [[ $word = -* ]]; then\n"
          "        COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
          "    elif [ \"$COMP_CWORD\" = 2 ] && [ -n \"$operands\" ]; then\n"
          "        COMPREPLY=($(compgen -W \"$operands\" -- \"$word\"))\n"
          "    else\n"
          "        compopt -o filenames 2>/dev/null\n"
          "        COMPREPLY=($(compgen -f -- \"$word\"))\n"
          "    fi\n"
          "}\n"
          "complete -F _supernet supernet\n",
          out);
}

// Text within a specification of _arguments in single quotes.
static void zsh_text(const char *text, FILE *out) {
    for (const char *p = text; *p; p++) {
        if (strchr("[]:\\", *p)) fputc('\\', out);
        fputs(*p == '\'' ? "'\\''" : (char[]){*p, 0}, out);
    }
}

static void zsh_words(const char *const *words, FILE *out) {
    fputc('(', out);
    put_words(words, out);
    fputc(')', out);
}

static void zsh_value(const cli_command *c, const cli_option *o, FILE *out) {
    if (!o->value) return;
    fputc(':', out);
    zsh_text(o->value, out);
    fputc(':', out);
    if (cli_words(c, o->name))
        zsh_words(cli_words(c, o->name), out);
    else if (!strcmp(o->name, "set"))
        fputs("->key", out);
    else
        fputs(names_file(o->value) ? "_files" : " ", out);
}

static void zsh_option(const cli_command *c, const cli_option *o, FILE *out) {
    const char letter[] = {'-', o->letter, 0};
    for (int which = 0; which < (o->letter ? 2 : 1); which++) {
        fprintf(out, " \\\n            '*%s%s%s[", which ? letter : "--", which ? "" : o->name, which || !o->value ? "" : "=");
        zsh_text(o->help, out);
        fputc(']', out);
        zsh_value(c, o, out);
        fputc('\'', out);
    }
}

static void zsh_operands(const cli_command *c, FILE *out) {
    const char *const *words = cli_words(c, "");
    if (!strcmp(c->name, "help")) {
        fputs(" \\\n            '1: :->topic'\n        ;;\n", out);
        return;
    }
    if (words) {
        fputs(" \\\n            '1: :", out);
        zsh_words(words, out);
        fputc('\'', out);
    }
    fputs(" \\\n            '*: :_files'\n        ;;\n", out);
}

static void zsh_command(const cli_command *c, FILE *out) {
    fprintf(out, "    %s)\n        _arguments -C", c->name);
    const cli_option *o;
    for (int i = 0; (o = cli_option_at(c, i)); i++) zsh_option(c, o, out);
    zsh_operands(c, out);
}

static void zsh(FILE *out) {
    fputs("#compdef supernet\n# Completion of supernet for zsh, made by `supernet help --as zsh`.\n_supernet() {\n"
          "    local curcontext=$curcontext state line\n    typeset -A opt_args\n",
          out);
    keys(out);
    fputs("    local -a commands=(\n", out);
    for (int i = 0; cli_commands[i]; i++) {
        fprintf(out, "        '%s:", cli_commands[i]->name);
        zsh_text(cli_commands[i]->summary, out);
        fputs("'\n", out);
    }
    fputs("    )\n    if ((CURRENT == 2)); then\n        _describe command commands\n        return\n    fi\n"
          "    local command=$words[2]\n    shift words\n    ((CURRENT--))\n    case $command in\n",
          out);
    for (int i = 0; cli_commands[i]; i++) zsh_command(cli_commands[i], out);
    fputs("    esac\n    case $state in\n    key) compadd -S = ${=keys} ;;\n"
          "    topic) compadd config ${commands%%:*} ;;\n    esac\n}\n_supernet \"$@\"\n",
          out);
}

void manual_write(manual_form form, FILE *out) {
    static void (*const write[])(FILE *) = {man, bash, zsh};
    write[form](out);
}

// Turns libyaml's events into a tree of nodes; see yaml.h. Depth is counted while events come, so that hostile nesting ends
// early. Not here: types of values. Next: config_value.c.
#include "io/config/yaml.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

// --- memory: chunks in a list, handed out in order, freed together

typedef union chunk {
    struct {
        union chunk *next;
        size_t used, size;
    } head;
    max_align_t align;
} chunk;

struct sn_yaml {
    chunk *chunks;
};

sn_yaml *sn_yaml_new(void) {
    return sn_new(1, sizeof(sn_yaml));
}

void sn_yaml_free(sn_yaml *y) {
    if (!y) return;
    for (chunk *c = y->chunks, *next; c; c = next) {
        next = c->head.next;
        free(c);
    }
    free(y);
}

static void *take(sn_yaml *y, size_t bytes) {
    enum { CHUNK = 16384 };
    bytes = (bytes + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    if (!y->chunks || y->chunks->head.size - y->chunks->head.used < bytes) {
        size_t size = bytes > CHUNK ? bytes : CHUNK;
        chunk *c = sn_new(1, sizeof *c + size);
        if (!c) return NULL;
        c->head.next = y->chunks, c->head.size = size;
        y->chunks = c;
    }
    char *memory = (char *)(y->chunks + 1) + y->chunks->head.used;
    y->chunks->head.used += bytes;
    return memory;
}

static char *copy_bytes(sn_yaml *y, const void *text, size_t n) {
    char *copy = take(y, n + 1);
    if (!copy) return NULL;
    memcpy(copy, text, n);
    copy[n] = 0;
    return copy;
}

char *sn_yaml_copy(sn_yaml *y, const char *text) {
    return copy_bytes(y, text, strlen(text));
}

// --- from events to nodes

typedef struct {
    sn_yaml *memory;
    sn_problems *problems;
    const char *source;
    bool located; // false: places are the source alone
    sn_yaml_node *stack[SN_YAML_DEPTH], *root;
    int depth, keys, items, documents;
    const char *key; // read, its value not yet
    bool repeated;   // the mapping has this key already
    bool stopped;    // by a mistake behind which nothing can be read
    sn_place key_place;
} reader;

static sn_place place_of(const reader *r, yaml_mark_t mark) {
    return (sn_place){r->source, r->located ? (int)mark.line + 1 : 0, (int)mark.column + 1};
}

// The functions below return false when reading must stop; a problem is then noted.
static bool out_of_memory(reader *r) {
    r->problems->memory = true;
    return false;
}

static bool refuse(reader *r, sn_place place, const char *what) {
    sn_problem(r->problems, place, "%s", what);
    r->stopped = true;
    return false;
}

static void append(sn_yaml_node *parent, sn_yaml_node *child) {
    child->next = NULL;
    if (parent->last)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
}

// Hangs a node below its parent; the first one is the root.
static bool attach(reader *r, sn_yaml_node *node) {
    if (!r->depth) {
        r->root = node;
        return true;
    }
    sn_yaml_node *parent = r->stack[r->depth - 1];
    if (parent->kind == SN_YAML_LIST && ++r->items > SN_YAML_ITEMS)
        return refuse(r, node->place, "more than 16384 list items; a config has at most that many");
    node->key = r->key;
    node->key_place = r->key_place;
    r->key = NULL;
    if (!r->repeated) append(parent, node); // a second value is read, for the mistakes in it, and used nowhere
    r->repeated = false;
    return true;
}

static bool expects_key(const reader *r) {
    return r->depth && r->stack[r->depth - 1]->kind == SN_YAML_MAP && !r->key;
}

static bool take_key(reader *r, const yaml_event_t *e, const char *text) {
    sn_place place = place_of(r, e->start_mark);
    if (++r->keys > SN_YAML_KEYS) return refuse(r, place, "more than 4096 keys; a config has at most that many");
    if (e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !strcmp(text, "<<"))
        return refuse(r, place, "a merge key (<<); not allowed here");
    char shown[SN_SHOWN];
    const sn_yaml_node *first = sn_yaml_find(r->stack[r->depth - 1], text);
    if (first && first->key_place.line)
        sn_problem(r->problems, place, "key '%s' is given twice, first on line %d; once is allowed", sn_show(text, shown),
                   first->key_place.line);
    else if (first)
        sn_problem(r->problems, place, "key '%s' is given twice; once is allowed", sn_show(text, shown));
    r->key = text; // read on after a duplicate: there may be more mistakes
    r->repeated = first != NULL;
    r->key_place = place;
    return true;
}

static bool take_scalar(reader *r, const yaml_event_t *e) {
    sn_place place = place_of(r, e->start_mark);
    if (e->data.scalar.anchor) return refuse(r, place, "an anchor (&); not allowed here: write the value out");
    if (e->data.scalar.tag) return refuse(r, place, "a tag (!); not allowed here");
    if (memchr(e->data.scalar.value, 0, e->data.scalar.length))
        return refuse(r, place, "a text with a NUL character in it; not allowed here");
    char *text = copy_bytes(r->memory, e->data.scalar.value, e->data.scalar.length);
    if (!text) return out_of_memory(r);
    if (expects_key(r)) return take_key(r, e, text);
    sn_yaml_node *node = take(r->memory, sizeof *node);
    if (!node) return out_of_memory(r);
    *node = (sn_yaml_node){.kind = SN_YAML_SCALAR, .place = place, .text = text};
    node->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    return attach(r, node);
}

static bool open_collection(reader *r, const yaml_event_t *e, sn_yaml_kind kind, const void *anchor, const void *tag) {
    sn_place place = place_of(r, e->start_mark);
    if (anchor) return refuse(r, place, "an anchor (&); not allowed here: write the value out");
    if (tag) return refuse(r, place, "a tag (!); not allowed here");
    if (expects_key(r)) return refuse(r, place, "a key that is a list or mapping; a key is a word");
    if (r->depth == SN_YAML_DEPTH)
        return refuse(r, place, "more than 64 levels of lists and mappings; a config has at most that many");
    sn_yaml_node *node = take(r->memory, sizeof *node);
    if (!node) return out_of_memory(r);
    *node = (sn_yaml_node){.kind = kind, .place = place};
    if (!attach(r, node)) return false;
    r->stack[r->depth++] = node;
    return true;
}

static bool take_event(reader *r, const yaml_event_t *e) {
    switch (e->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (e->data.document_start.tag_directives.start != e->data.document_start.tag_directives.end)
            return refuse(r, place_of(r, e->start_mark), "a tag directive (%TAG); not allowed here");
        return ++r->documents == 1 || refuse(r, place_of(r, e->start_mark), "a second document; a config is one document");
    case YAML_ALIAS_EVENT:
        return refuse(r, place_of(r, e->start_mark), "an alias (*); not allowed here: write the value out");
    case YAML_SCALAR_EVENT:
        return take_scalar(r, e);
    case YAML_SEQUENCE_START_EVENT:
        return open_collection(r, e, SN_YAML_LIST, e->data.sequence_start.anchor, e->data.sequence_start.tag);
    case YAML_MAPPING_START_EVENT:
        return open_collection(r, e, SN_YAML_MAP, e->data.mapping_start.anchor, e->data.mapping_start.tag);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        r->depth--;
        return true;
    default:
        return true; // stream start and end, document end
    }
}

// What libyaml itself refuses. Errors of characters have an offset in bytes instead of a mark.
static void syntax_problem(reader *r, const yaml_parser_t *p, const char *text, size_t size) {
    if (p->error == YAML_MEMORY_ERROR) {
        r->problems->memory = true;
        return;
    }
    r->stopped = true;
    yaml_mark_t mark = p->problem_mark;
    if (p->error == YAML_READER_ERROR) {
        mark = (yaml_mark_t){0};
        for (size_t i = 0; i < size && i < p->problem_offset; i++) {
            if (text[i] == '\n')
                mark.line++, mark.column = 0;
            else
                mark.column += ((unsigned char)text[i] & 0xC0) != 0x80;
        }
    }
    sn_problem(r->problems, place_of(r, mark), "not valid YAML: %s%s%s", p->problem ? p->problem : "unreadable",
               p->context ? " " : "", p->context ? p->context : "");
}

static void read_events(reader *r, const char *text, size_t size) {
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) {
        r->problems->memory = true;
        return;
    }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    for (bool more = true; more;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            syntax_problem(r, &parser, text, size);
            break;
        }
        more = event.type != YAML_STREAM_END_EVENT && take_event(r, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
}

static sn_yaml_node *read_tree(sn_yaml *y, const char *name, bool located, const char *text, size_t size, sn_problems *problems) {
    reader r = {.memory = y, .problems = problems, .located = located, .source = sn_yaml_copy(y, name)};
    if (!r.source) {
        problems->memory = true;
        return NULL;
    }
    sn_place start = {r.source, located, 1};
    const char *nul = memchr(text, 0, size);
    if (size > SN_YAML_BYTES || nul) {
        if (size > SN_YAML_BYTES)
            sn_problem(problems, start, "larger than 1 MiB; a config has at most that size");
        else
            sn_problem(problems, start, "a NUL character at byte %zu; a config is text", (size_t)(nul - text));
        return NULL;
    }
    read_events(&r, text, size);
    if (problems->memory || r.stopped) return NULL;
    if (!r.root) sn_problem(problems, start, "nothing in it; a value is needed");
    return r.root;
}

// Editors of some systems put a byte order mark in front: of UTF-8 it says nothing, of UTF-16 that this is no UTF-8.
sn_yaml_node *sn_yaml_read(sn_yaml *y, const char *name, const char *text, size_t size, sn_problems *problems) {
    if (size >= 3 && !memcmp(text, "\xEF\xBB\xBF", 3)) text += 3, size -= 3;
    if (size >= 2 && (!memcmp(text, "\xFF\xFE", 2) || !memcmp(text, "\xFE\xFF", 2))) {
        sn_problem(problems, (sn_place){name, 1, 1}, "text in UTF-16, as its first two bytes say; a config is UTF-8");
        return NULL;
    }
    return read_tree(y, name, true, text, size, problems);
}

// --- work on trees

static sn_yaml_node *find(const sn_yaml_node *map, const char *key) {
    if (!map || map->kind != SN_YAML_MAP) return NULL;
    for (sn_yaml_node *n = map->first; n; n = n->next)
        if (!strcmp(n->key, key)) return n;
    return NULL;
}

const sn_yaml_node *sn_yaml_find(const sn_yaml_node *map, const char *key) {
    return find(map, key);
}

// Takes over the value of `from`, keeping the place among its siblings.
static void replace(sn_yaml_node *node, const sn_yaml_node *from) {
    sn_yaml_node *next = node->next;
    *node = *from;
    node->next = next;
}

// Depth is at most SN_YAML_DEPTH, so recursion is bounded.
void sn_yaml_merge(sn_yaml_node *base, sn_yaml_node *over) {
    for (sn_yaml_node *child = over->first, *next; child; child = next) {
        next = child->next;
        sn_yaml_node *old = find(base, child->key);
        if (!old)
            append(base, child);
        else if (old->kind == SN_YAML_MAP && child->kind == SN_YAML_MAP)
            sn_yaml_merge(old, child);
        else
            replace(old, child);
    }
}

// Splits "a.b=value" and gives the value's tree; NULL with a problem.
static sn_yaml_node *override_value(sn_yaml *y, const char *source, const char *value, sn_problems *problems) {
    size_t n = strlen(value);
    if (strspn(value, " \t") == n) { // nothing: an empty text, refused where the key needs more
        sn_yaml_node *node = take(y, sizeof *node);
        if (!node)
            problems->memory = true;
        else
            *node = (sn_yaml_node){.kind = SN_YAML_SCALAR, .place = {source, 0, 1}, .text = ""};
        return node;
    }
    return read_tree(y, source, false, value, n, problems);
}

void sn_yaml_override(sn_yaml *y, sn_yaml_node *root, const char *text, sn_problems *problems) {
    char shown[SN_SHOWN], full[SN_SHOWN + 8];
    bool option = !strncmp(text, "--", 2);
    sn_show(text, shown);
    if (option) shown[strcspn(shown, "=")] = ' ';
    snprintf(full, sizeof full, "%s%s", option ? "" : "--set ", shown);
    if (option) text += 2;
    const char *source = sn_yaml_copy(y, full), *equals = strchr(text, '=');
    char *path = equals ? copy_bytes(y, text, (size_t)(equals - text)) : NULL;
    if (!source || (equals && !path)) {
        problems->memory = true;
        return;
    }
    sn_place place = {source, 0, 1};
    if (!equals) {
        sn_problem(problems, place, "no '='; allowed is KEY=VALUE, such as train.epochs=3");
        return;
    }
    sn_yaml_node *at = root;
    for (char *word = path, *dot; at; word = dot + 1) {
        if ((dot = strchr(word, '.'))) *dot = 0;
        if (!*word) {
            sn_problem(problems, place, "an empty word before or after a '.'; allowed is KEY=VALUE, such as train.epochs=3");
            return;
        }
        sn_yaml_node *child = find(at, word);
        if (!child || !dot || child->kind != SN_YAML_MAP) { // make it, or take the new value in
            sn_yaml_node *fresh = dot ? take(y, sizeof *fresh) : override_value(y, source, equals + 1, problems);
            if (!fresh) {
                problems->memory |= dot != NULL;
                return;
            }
            if (dot) *fresh = (sn_yaml_node){.kind = SN_YAML_MAP, .place = place};
            fresh->key = word;
            fresh->key_place = place;
            if (child)
                replace(child, fresh);
            else
                append(at, child = fresh);
        }
        if (!dot) return;
        at = child;
    }
}

const char *sn_yaml_found(const sn_yaml_node *n, char out[SN_SHOWN + 2]) {
    char shown[SN_SHOWN];
    if (n->kind != SN_YAML_SCALAR) return strcpy(out, n->kind == SN_YAML_MAP ? "a mapping" : "a list");
    if (!*n->text && !n->quoted) return strcpy(out, "nothing");
    snprintf(out, SN_SHOWN + 2, n->quoted ? "\"%s\"" : "'%s'", sn_show(n->text, shown));
    return out;
}

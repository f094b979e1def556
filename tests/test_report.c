// The page of a run, `supernet report`: that it is whole HTML with the figures that the run has data for, the same bytes each
// time, safe against names, and that without gnuplot there is a message and no file. Not here: the figures' numbers
// (test_effects.c, test_rankquality.c). Next: program.h.
#include "program.h"

#define SMOKE "\"$S\" train \"$SRC/configs/smoke.yaml\" -q -o run "

static void setup(void) {
    place_make();
    ck_run(0, SMOKE);
}

// ---------------------------------------------------------------- a page as text
static char *page;

static void load_page(const char *name) {
    size_t n;
    free(page);
    page = load_file(at(PLACE "/%s", name), &n);
    ck_assert_uint_eq(strlen(page), n);
}

static int count(const char *what) {
    int n = 0;
    for (const char *p = page; (p = strstr(p, what)); p += strlen(what)) n++;
    return n;
}

#define ck_page(text) ck_assert_msg(strstr(page, text) != NULL, "the page lacks '%s'", text)
#define ck_no_page(text) ck_assert_msg(!strstr(page, text), "the page has '%s'", text)

// Every tag is closed by its own, in order; only what HTML closes by itself is not. Texts hold no '<', '>' or lone '&'.
static void ck_whole_html(void) {
    char open[64][16];
    int depth = 0;
    ck_assert_int_eq(strncmp(page, "<!DOCTYPE html>\n", 16), 0);
    for (const char *p = page + 15; *p; p++) {
        ck_assert_msg(*p != '>', "'>' outside a tag: %.60s", p);
        if (*p == '&') ck_assert_msg(p[strspn(p + 1, "abcdefghijklmnopqrstuvwxyz#0123456789") + 1] == ';', "%.60s", p);
        if (*p != '<') continue;
        bool closes = p[1] == '/';
        size_t n = strcspn(p + 1 + closes, " >/\n");
        const char *name = p + 1 + closes, *end = strchr(p, '>');
        ck_assert_msg(end && n && n < sizeof open[0], "a tag without name or end: %.60s", p);
        ck_assert_msg(!memchr(p + 1, '<', (size_t)(end - p - 1)), "'<' in a tag: %.60s", p);
        if (closes) {
            ck_assert_msg(depth && strlen(open[depth - 1]) == n && !strncmp(open[depth - 1], name, n), "closes no tag: %.60s", p);
            depth--;
        } else if (end[-1] != '/' && strncmp(name, "meta", n)) {
            ck_assert_int_lt(depth, 64);
            snprintf(open[depth++], sizeof open[0], "%.*s", (int)n, name);
        }
        p = end;
        if (!closes && !strncmp(name, "style", n)) p = strstr(p, "</style>") - 1;
    }
    ck_assert_msg(!depth, "<%s> is not closed", open[depth - 1]);
}

// The numbers of figures are numbers, and each figure has marks, words and a caption.
static void ck_figures(int expected) {
    ck_assert_int_eq(count("<figure>"), expected);
    ck_assert_int_eq(count("<svg "), expected);
    ck_assert_int_eq(count("</svg>"), expected);
    ck_assert_int_eq(count("<figcaption id="), expected);
    for (const char *p = page; (p = strstr(p, "<svg ")); p++) {
        char text[1 << 16];
        size_t n = (size_t)(strstr(p, "</svg>") - p);
        ck_assert_uint_lt(n, sizeof text);
        snprintf(text, sizeof text, "%.*s", (int)n, p);
        ck_assert(strstr(text, "<path class=\"") && strstr(text, "<text class=\""));
        for (char *d = text; (d = strstr(d, " d=\"")); d++) {
            size_t ends = strspn(d + 4, "0123456789.,- MLhzVHZ");
            ck_assert_msg(d[4 + ends] == '"', "no path: %.60s", d);
        }
    }
    ck_no_page("nan");
    ck_no_page("NaN");
    ck_no_page(">inf");
    ck_no_page("<script");
    ck_no_page("http");
}

// ---------------------------------------------------------------- tests
START_TEST(without_ranking) {
    ck_run(0, "\"$S\" report run -o page.html");
    ck_assert_str_eq(read_all("out"), "page.html\n");
    load_page("page.html");
    ck_whole_html();
    ck_figures(3); // loss, accuracy, passes
    ck_page("27 architectures at once");
    ck_page("32 of 32");
    ck_page("guessing, ln 10 = 2.30");
    ck_page("No scores: nothing is ranked yet with these weights and this protocol: run <code>supernet rank run</code> first");
    ck_page("one training with one seed (1)");
    ck_no_page("The best by accuracy is");
    ck_run(0, "cp page.html before.html");
    ck_run(2, "printf 'arch,accuracy\\n\"skip,skip,skip\",1\\n' >t.csv; \"$S\" report run -o page.html --against t.csv");
    ck_printed("err", "there are no scores to hold against t.csv: nothing is ranked yet");
    ck_run(0, "cmp page.html before.html");
    // no log, and one that was written to
    ck_run(0, "mv run/log.jsonl log && \"$S\" report run -o page.html");
    load_page("page.html");
    ck_whole_html();
    ck_figures(1);
    ck_page("The log holds no line of training");
    ck_run(
        0,
        "{ echo '{\"step\":1,\"loss\":2,\"lr\":1}'; echo '{\"step\":-5,\"loss\":1e308,\"accuracy\":1e308,\"lr\":0}'; echo '[]'; "
        "echo '{\"step\":20,\"loss\":1e300,\"accuracy\":0.5,\"lr\":0.1}'; echo "
        "'{\"step\":20,\"loss\":1,\"accuracy\":0.5,\"lr\":1e308}'; "
        "echo '{\"step\":\"x\",\"validation\":\"y\"}'; head -c 60 log; } >run/log.jsonl && \"$S\" report run -o page.html");
    load_page("page.html");
    ck_figures(1);
}
END_TEST

START_TEST(ranked) {
    ck_run(0, "\"$S\" rank run --csv ranking.csv --json");
    json_t *ranking = printed_json();
    char text[64];
    ck_run(0, "\"$S\" report run -o page.html && \"$S\" report run -o again.html --threads 2 && cmp page.html again.html");
    load_page("page.html");
    ck_whole_html();
    ck_figures(6); // and scores, halves, effects
    snprintf(text, sizeof text, "tau %.3f", number(ranking, "half_split_tau"));
    ck_page(text);
    snprintf(text, sizeof text, "The best by accuracy is %s with ",
             json_string_value(json_object_get(json_array_get(json_object_get(ranking, "best"), 0), "arch")));
    ck_page(text);
    ck_page("Scores against known accuracies</h2>\n<p class=\"missing\">None were given: <code>--against FILE</code>");
    ck_page("shared weights, which were trained for all architectures at once");
    json_decref(ranking);
    // its own scores for known accuracies
    ck_run(0, "\"$S\" report run -o page.html --against ranking.csv --key top1");
    load_page("page.html");
    ck_whole_html();
    ck_figures(8);
    ck_page("<td>Kendall tau-b</td><td>1.000</td>");
    ck_page("<td>regret under a cost budget, mean of 20 budgets</td><td>0.000</td>");
    ck_page("the scores have tau 1.000");
    // few, too few for effects, one
    ck_run(0, "cut -d '\"' -f 2 ranking.csv | sed -n 2,4p >three.txt; head -n 1 three.txt >one.txt");
    ck_run(0, "rm run/ranking.h5; \"$S\" rank run -q --archs one.txt && \"$S\" report run -o page.html");
    load_page("page.html");
    ck_whole_html();
    ck_figures(4);
    ck_page("Two architectures and two images at least are needed.");
    ck_run(0, "\"$S\" rank run -q --archs three.txt && \"$S\" report run -o page.html");
    load_page("page.html");
    ck_whole_html();
    ck_figures(5);
    ck_page("No effects: ");
    ck_page("at least 5 scored architectures, found are 3");
    ck_run(4, "printf x | dd of=run/ranking.h5 bs=1 seek=3000 conv=notrunc 2>dd; \"$S\" report run -o damaged.html");
    ck_run(1, "test -e damaged.html");
}
END_TEST

START_TEST(one_architecture) {
    ck_run(0, "\"$S\" retrain run --arch mb3_k3,skip,sep_k5 --init inherited --name one -q");
    ck_run(0, "\"$S\" report run/retrain/one -o page.html");
    load_page("page.html");
    ck_whole_html();
    ck_figures(2);
    ck_page("trains one network alone, the architecture mb3_k3,skip,sep_k5. ");
    ck_page("On the test images, which neither training nor ranking uses, it classifies ");
    ck_page("of one architecture there is nothing to rank");
}
END_TEST

// What finals.json says: the winner, the table, what changed; and what is told of finals that are not done or damaged.
START_TEST(finals) {
    char text[256];
    json_error_t error;
    ck_run(0, "\"$S\" rank run -q && \"$S\" report run -o page.html");
    load_page("page.html");
    ck_figures(6);
    ck_page("None were held: <code>supernet finals</code> trains");
    ck_run(0, "\"$S\" finals run --top 3 --set retrain.epochs=3 --max-macs 400000 -q --json");
    json_t *done = printed_json(), *winner = json_object_get(done, "winner");
    ck_run(0, "\"$S\" report run -o page.html && \"$S\" report run -o again.html && cmp page.html again.html");
    load_page("page.html");
    ck_whole_html();
    ck_figures(7); // the lines of finalists
    ck_page("<h3>top3</h3>\n<p>3 architectures of at most 400000 multiplications, the best of the ranking by accuracy with the "
            "weights of step 32, were trained alone, first weights: scratch.</p>");
    snprintf(text, sizeof text,
             "<p>The winner, %s, classifies %.2f&#160;%% of 10000 test images right, which were used for this alone.",
             json_string_value(json_object_get(winner, "arch")), 100 * number(winner, "test_top1"));
    ck_page(text);
    ck_page("<th>params</th><th>1 epoch</th><th>2 epochs</th><th>3 epochs</th></tr>");
    ck_assert_int_eq(count("<td>winner"), 1);
    ck_page("Finals <code>top3</code>: ");
    json_decref(done);
    // as a stop leaves them, before any score, damaged, of one finalist
    json_t *file = json_load_file(at(PLACE "/run/finals/top3/finals.json"), 0, &error);
    ck_assert_msg(file != NULL, "%s", error.text);
    json_object_set_new(file, "winner", json_null());
    json_t *list = json_object_get(file, "finalists"), *one;
    size_t i;
    json_array_foreach(list, i, one) json_array_clear(json_object_get(one, "scores"));
    ck_assert_int_eq(mkdir(at(PLACE "/run/finals/a_stopped"), 0777), 0);
    ck_assert_int_eq(json_dump_file(file, at(PLACE "/run/finals/a_stopped/finals.json"), 0), 0);
    json_decref(file);
    ck_run(0, "mkdir run/finals/empty run/finals/bad && echo '{' >run/finals/bad/finals.json && "
              "\"$S\" finals run --top 1 -q && \"$S\" report run -o page.html");
    load_page("page.html");
    ck_whole_html();
    ck_figures(7);
    ck_page("Not finished: 0 of 6 epochs are done; <code>supernet finals</code> goes on.");
    ck_page("<h3>bad</h3>\n<p class=\"missing\">Nothing to show: run/finals/bad/finals.json: damaged: ");
    ck_page("<h3>empty</h3>\n<p class=\"missing\">Nothing to show: no finalist has a score yet");
    ck_page("<td>winner, ranked first</td>");
    ck_no_page("Finals <code>top1</code>: ");
}
END_TEST

// Names that would be tags, shell commands or gnuplot commands.
START_TEST(names) {
    write_all("name", "<b>&\"'`$(touch hit)`%s");
    ck_run(0, "mv run \"$(cat name)\" && \"$S\" rank \"$(cat name)\" -q && \"$S\" report \"$(cat name)\" -o page.html");
    load_page("page.html");
    ck_whole_html();
    ck_page("<title>Supernet run &lt;b&gt;&amp;&quot;&#39;");
    ck_no_page("<b>&");
    ck_run(1, "test -e hit");
    ck_run(0, "mv \"$(cat name)\" run; sed \"s/sep_k5/a_block_with_a_rather_long_name-and_more/\" \"$SRC/configs/smoke.yaml\" "
              ">long.yaml && "
              "\"$S\" train long.yaml -o long -q && \"$S\" report long -o page.html");
    load_page("page.html");
    ck_whole_html();
    ck_page(">a_block_with…</text>");
    // an arch of long names breaks between them, in tables alone
    ck_run(0, "\"$S\" rank long -q && \"$S\" report long -o page.html");
    load_page("page.html");
    ck_whole_html();
    ck_page("skip,<wbr/>a_block_with_a_rather_long_name-and_more");
    ck_no_page("The best by accuracy is skip,<wbr/>");
}
END_TEST

START_TEST(without_gnuplot) {
    ck_run(0, "mkdir empty fake && printf '#!/bin/sh\\n' >fake/gnuplot && chmod +x fake/gnuplot");
    ck_run(5, "PATH=$PWD/empty \"$S\" report run -o page.html");
    ck_printed("err", "gnuplot was not found in PATH; figures need gnuplot, Debian package gnuplot-nox");
    const struct {
        const char *does, *message;
    } bad[] = {{"exit 0", "what gnuplot printed is no SVG that is known here"},
               {"echo 'no such terminal' >&2; exit 3", "gnuplot ended with exit code 3: no such terminal; known to work is"},
               {"kill -KILL $$", "gnuplot was killed by signal 9"},
               {"exec yes", "gnuplot printed more than 64 MiB and was killed"},
               {"exec 1>&-; exit 1", "gnuplot ended with exit code 1"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char script[256];
        snprintf(script, sizeof script, "#!/bin/sh\n%s\n", bad[i].does);
        write_all("fake/gnuplot", script);
        ck_run(5, "chmod +x fake/gnuplot; PATH=$PWD/fake:$PATH \"$S\" report run -o page.html");
        ck_printed("err", bad[i].message);
    }
    ck_run(1, "ls -A | grep page");
    ck_run(5, "ulimit -f 30; \"$S\" report run -o page.html");
    ck_printed("err", "page.html: cannot write");
    ck_run(1, "ls -A | grep page");
}
END_TEST

START_TEST(refused) {
    ck_run(2, "\"$S\" report run");
    ck_printed("err", "report needs -o FILE.html");
    ck_run(2, "\"$S\" report run -o page.html --json");
    ck_run(2, "\"$S\" report run -o page.html --key x");
    ck_run(2, "\"$S\" report run/checkpoints/step-00000032.h5 -o page.html");
    ck_printed("err", "needs a run folder; run/checkpoints/step-00000032.h5 is a bare checkpoint");
    ck_run(2, "\"$S\" report nothing -o page.html");
    ck_run(2, "\"$S\" report run -o page.html --against nothing.csv");
    ck_run(1, "\"$S\" report run -o nowhere/page.html");
    ck_run(1, "\"$S\" report run -o /dev/null");
    ck_run(1, "mkfifo pipe && \"$S\" report run -o pipe");
    ck_run(1, "echo kept >kept && ln -s kept link && \"$S\" report run -o link");
    ck_run(0, "grep kept kept");
}
END_TEST

int main(void) {
    Suite *s = suite_create("report");
    TCase *c = tcase_create("report");
    tcase_set_timeout(c, 120);
    tcase_add_checked_fixture(c, setup, folder_remove);
    tcase_add_test(c, without_ranking);
    tcase_add_test(c, ranked);
    tcase_add_test(c, one_architecture);
    tcase_add_test(c, finals);
    tcase_add_test(c, names);
    tcase_add_test(c, without_gnuplot);
    tcase_add_test(c, refused);
    suite_add_tcase(s, c);
    return run_suite(s);
}

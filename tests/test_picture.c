// Pictures of spaces and archs, `describe --picture`: what Graphviz is given (a dot of our own that prints it), that the real one
// draws all presets, what is said where it cannot. Not here: whether a picture is easy to read, which needs eyes.
// Next: tools/picture.c.
#include "program.h"

static void setup(void) {
    place_make();
    ck_run(0, "mkdir fake && printf '#!/bin/sh\\nexec cat\\n' >fake/dot && chmod +x fake/dot");
}

// Describes a space with such a dot; the text.
static const char *drawn_space(const char *section, const char *arch) {
    char text[1024];
    snprintf(text, sizeof text, "data: {source: /nowhere}\nspace: {%s}\ntrain: {epochs: 1, batch: 64}\n", section);
    write_all("config.yaml", text);
    ck_run(0, "PATH=$PWD/fake:$PATH \"$S\" describe config.yaml %s%s%s --picture text.svg", *arch ? "--arch '" : "", arch,
           *arch ? "'" : "");
    ck_printed("err", "picture: text.svg");
    return read_all("text.svg");
}

static const char *drawn(const char *preset, const char *arch) {
    char text[64];
    snprintf(text, sizeof text, "preset: %s", preset);
    return drawn_space(text, arch);
}

static int count(const char *text, const char *what) {
    int n = 0;
    for (const char *p = text; (p = strstr(p, what)); p += strlen(what)) n++;
    return n;
}

#define ck_drawn(text, what) ck_assert_msg(strstr(text, what) != NULL, "'%s' is missing: %s", what, text)

START_TEST(cells) {
    const char *text = drawn("nasbench201", "");
    ck_assert_int_eq(count(text, "subgraph"), 3); // the network, the cell and the reduction, once each
    ck_drawn(text, "<B>stage1</B>&nbsp; 5 x cell, 16 channels<");
    ck_drawn(text, "<B>stage2</B>&nbsp; 1 x reduction, 32 channels, stride 2<");
    ck_drawn(text, "<B>classifier</B>&nbsp; 10 classes<");
    ck_assert_int_eq(count(text, "[label=\" edge \"]"), 6);
    ck_drawn(text, "<B>edge</B>: one of</TD></TR><TR><TD BORDER=\"1\">none</TD></TR>"); // the options once, beside it
    ck_drawn(text, "image -> e0 -> e1 -> e2 -> e3 -> e4 -> e5 -> e6 -> e7 [penwidth=1]");

    text = drawn("nasbench201", "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|none~0|nor_conv_3x3~1|avg_pool_3x3~2|");
    ck_assert_int_eq(count(text, "subgraph"), 3);
    ck_drawn(text, "\"cell/n1\" -> \"cell/n2\" [label=\" avg_pool_3x3 \", penwidth=2.5]");
    ck_drawn(text, "\"cell/input\" -> \"cell/n3\" [label=\" none \", style=dashed");
    ck_assert_int_eq(count(text, "one of"), 0);
}
END_TEST

START_TEST(picks) {
    const char *text = drawn("darts", "");
    ck_assert_int_eq(count(text, "subgraph"), 3);
    ck_assert_int_eq(count(text, "[label=\" edge \"]"), 28);
    ck_drawn(text, "\"normal/n5\" [label=\"n5: 2 of 5\"]");
    ck_drawn(text, "\"normal/c0\" [shape=ellipse, label=\"c0: fit\"]");
    ck_drawn(text, "\"reduction/out\" [label=\"out: side by side\", peripheries=2]");
    text = drawn("darts", "sep_conv_3x3,sep_conv_3x3,c0+c1,sep_conv_3x3,sep_conv_3x3,-,c0+c1,skip_connect,sep_conv_3x3,-,-,c0+n2,"
                          "skip_connect,-,dil_conv_3x3,-,-,max_pool_3x3,max_pool_3x3,c1+n2,-,max_pool_3x3,skip_connect,c0+n2,"
                          "max_pool_3x3,-,skip_connect,-,c1+n2,-,max_pool_3x3,skip_connect,-,-");
    ck_assert_int_eq(count(text, "subgraph"), 3);
    ck_drawn(text, "\"normal/n2\" -> \"normal/n5\" [label=\" dil_conv_3x3 \", penwidth=2.5]");
    ck_assert_int_eq(count(text, "style=dashed"), 12); // edges that were not picked: 1, 2 and 3 of each cell
}
END_TEST

START_TEST(chains) {
    const char *text = drawn("spos-shufflenet", "");
    ck_assert_int_eq(count(text, ">each<"), 4); // a row for the layers of a stage
    ck_assert_int_eq(count(text, "<TD BORDER=\"1\">shuffle_xception</TD>"), 4);
    text = drawn("spos-shufflenet", "(2, 1, 0, 1, 2, 0, 2, 0, 2, 0, 2, 3, 0, 0, 0, 0, 3, 2, 3, 3)");
    ck_assert_int_eq(count(text, "<TD BORDER=\"2\""), 20); // one option of each layer
    ck_assert_int_eq(count(text, "<B>shuffle_5x5</B>"), 2);
    text = drawn("mobilenetv3-unshared", "2,r_k3e3,r_k3e3,-,-,2,rs_k3e3,rs_k3e3,-,-,2,h_k3e3,h_k3e3,-,-,2,hs_k3e3,hs_k3e3,-,-,2,"
                                         "hs_k3e3,hs_k3e3,-,-");
    ck_drawn(text, "up to 4 layers, 24 channels, stride 2");
    ck_assert_int_eq(count(text, "<TD BORDER=\"2\""), 15); // five depths, two layers each
}
END_TEST

START_TEST(motifs) {
    const char *text = drawn("motifs", "");
    ck_assert_int_eq(count(text, "subgraph"), 2);
    text = drawn("motifs", "pair,sep_k3,sep_k5,skip,-,-,pair,sep_k3,sep_k3"); // each place decides for itself
    ck_assert_int_eq(count(text, "subgraph"), 3);
    ck_drawn(text, "label=\"pair at stage1.pair\"");
    ck_drawn(text, "\"stage1.pair/left\" -> \"stage1.pair/right\" [label=\" sep_k5 \", penwidth=2.5]");
}
END_TEST

START_TEST(layers_of_motifs) {
    static const char space[] =
        "input: {channels: 1, height: 8, width: 8}, classes: 2, blocks: {a: {op: conv}, b: {op: sepconv}, c: {choose: [a, b]}, "
        "cell: {nodes: {x: {c: input}, y: {sum: [x, input]}}}}, network: [{op: conv, out: 4}, {layers: [1, 2, 3], out: 4, block: "
        "cell, name: s}, {op: classifier}]";
    const char *text = drawn_space(space, "");
    ck_assert_int_eq(count(text, "subgraph"), 2);
    ck_drawn(text, "<B>s</B>&nbsp; up to 3 x cell, 4 channels<");
    text = drawn_space(space, "2,a,b,-");
    ck_assert_int_eq(count(text, "subgraph"), 3); // those that there are
    ck_drawn(text, "label=\"cell at s.layer2\"");
    ck_drawn(text, "\"s.layer2/input\" -> \"s.layer2/x\" [label=\" b \", penwidth=2.5]");
}
END_TEST

START_TEST(real_ones) {
    static const char *const presets[] = {"nasbench-macro", "nasbench201", "darts",        "skips",
                                          "motifs",         "fairnas",     "proxylessnas", "mobilenetv3-unshared",
                                          "spos-shufflenet"};
    if (system("dot -V >/dev/null 2>&1")) return; // Debian package graphviz
    for (size_t i = 0; i < sizeof presets / sizeof *presets; i++) {
        drawn(presets[i], "");
        ck_run(0, "\"$S\" describe config.yaml --picture space.svg && grep '</svg>' space.svg");
    }
    ck_run(0, "\"$S\" describe config.yaml --arch 00000000000000000000 --picture a.png && head -c 4 a.png | tail -c 3");
    ck_printed("out", "PNG");
    ck_run(0, "\"$S\" describe config.yaml --picture a.pdf && head -c 5 a.pdf");
    ck_printed("out", "%PDF-");
}
END_TEST

START_TEST(without_graphviz) {
    static const struct {
        const char *script, *message;
    } bad[] = {{"exit 0", "dot printed nothing; known to work is that of Debian package graphviz"},
               {"echo 'no such format' >&2; exit 3", "dot ended with exit code 3: no such format; known to work is"},
               {"kill -KILL $$", "dot was killed by signal 9"}};
    drawn("motifs", "");
    ck_run(0, "mkdir empty && cp text.svg kept.svg");
    ck_run(5, "PATH=$PWD/empty \"$S\" describe config.yaml --picture text.svg");
    ck_printed("err", "dot was not found in PATH; pictures need Graphviz, Debian package graphviz: apt-get install graphviz");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char script[100];
        snprintf(script, sizeof script, "#!/bin/sh\n%s\n", bad[i].script);
        write_all("fake/dot", script);
        ck_run(5, "chmod +x fake/dot; PATH=$PWD/fake:$PATH \"$S\" describe config.yaml --picture text.svg");
        ck_printed("err", bad[i].message);
    }
    ck_run(0, "cmp text.svg kept.svg && ls"); // what was there stays
    ck_run(2, "\"$S\" describe config.yaml --picture space.gif");
    ck_printed("err", "--picture: found 'space.gif'; allowed are names that end in .svg, .png or .pdf");
    ck_run(1, "\"$S\" describe config.yaml --picture none/space.svg");
    ck_printed("err", "none/space.svg");
    ck_run(2, "\"$S\" describe config.yaml --csv --archs all --picture space.svg");
}
END_TEST

int main(void) {
    Suite *s = suite_create("picture");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 300);
    tcase_add_checked_fixture(t, setup, folder_remove);
    tcase_add_test(t, cells);
    tcase_add_test(t, picks);
    tcase_add_test(t, chains);
    tcase_add_test(t, motifs);
    tcase_add_test(t, layers_of_motifs);
    tcase_add_test(t, real_ones);
    tcase_add_test(t, without_graphviz);
    suite_add_tcase(s, t);
    return run_suite(s);
}

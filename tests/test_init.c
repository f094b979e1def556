// `supernet init`: for each kind of source a config that trains as it is, or one message; the rules by which it chooses.
// Not here: the readers of sources (test_images.c, test_dataset.c, test_hdf5data.c).
// Next: test_program.c.
#include "datafiles.h"
#include "pngfile.h"
#include "program.h"

#include <hdf5.h>
#include <math.h>

// --- making sources

enum { MOST_SIDE = 200 };

// A picture that no other number gives, of noise; grey in colour where colour is 2.
static void put_picture(const char *path, int height, int width, int colour, int number) {
    static uint8_t pixels[MOST_SIDE * MOST_SIDE * 3];
    uint32_t state = (uint32_t)number * 2654435761u + 1;
    size_t n = (size_t)height * (size_t)width;
    for (size_t i = 0; i < (colour ? 3 * n : n); i++) {
        if (colour != 2 || i % 3 == 0) state = state * 1664525u + 1013904223u;
        pixels[i] = (uint8_t)(state >> 24);
    }
    put_png(path, height, width, colour != 0, pixels);
}

static int next_number;

static void put_class(const char *folder, int n, int side, int colour) {
    char path[512];
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%03d.png", at(PLACE "/%s", folder), i);
        put_picture(path, side, side, colour, ++next_number);
    }
}

static void put_split_tree(const char *top) {
    char folder[64];
    static const char *const part[] = {"train", "val", "test"}, *const name[] = {"cat", "dog", "owl"};
    for (int p = 0; p < 3; p++)
        for (int k = 0; k < 3; k++) {
            snprintf(folder, sizeof folder, "%s/%s/%s", top, part[p], name[k]);
            put_class(folder, p ? 3 : 8, 16, 1);
        }
}

static void put_cifar(const char *folder) {
    static uint8_t bytes[12 * 3073];
    for (int f = 0; f < 6; f++) {
        for (int i = 0; i < 12; i++) {
            bytes[i * 3073] = (uint8_t)((f + i) % 10);
            for (int k = 1; k < 3073; k++) bytes[i * 3073 + k] = (uint8_t)(k * 7 + i * 31 + f * 101 + k * i + k / 1024 * 50);
        }
        put_file(f < 5 ? at(PLACE "/%s/data_batch_%d.bin", folder, f + 1) : at(PLACE "/%s/test_batch.bin", folder), bytes,
                 sizeof bytes);
    }
}

// Only train, in either order of the sizes; without a word about which it is, unless layout says one.
static void put_h5(const char *name, bool planar, const char *layout) {
    enum { N = 40, H = 12, W = 12, C = 3 };
    static uint8_t pixels[N * H * W * C], label[N];
    for (int i = 0; i < N * H * W * C; i++) pixels[i] = (uint8_t)(i * 13 + i / 7);
    for (int i = 0; i < N; i++) label[i] = (uint8_t)(i % 4);
    hsize_t size[4] = {N, planar ? C : H, planar ? H : W, planar ? W : C};
    hid_t file = H5Fcreate(at(PLACE "/%s", name), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t group = H5Gcreate2(file, "train", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    for (int k = 0; k < 2; k++) {
        hid_t space = H5Screate_simple(k ? 1 : 4, size, NULL);
        hid_t set = H5Dcreate2(group, k ? "labels" : "images", H5T_STD_U8LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        ck_assert_int_ge(H5Dwrite(set, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, k ? label : pixels), 0);
        if (!k && layout) {
            hid_t type = H5Tcopy(H5T_C_S1), scalar = H5Screate(H5S_SCALAR);
            H5Tset_size(type, strlen(layout));
            hid_t a = H5Acreate2(set, "layout", type, scalar, H5P_DEFAULT, H5P_DEFAULT);
            ck_assert_int_ge(H5Awrite(a, type, layout), 0);
            H5Aclose(a), H5Sclose(scalar), H5Tclose(type);
        }
        H5Dclose(set), H5Sclose(space);
    }
    H5Gclose(group), H5Fclose(file);
}

// --- what must hold for every config

static long integer(const json_t *object, const char *key) {
    return (long)number(object, key);
}

// Runs init with these arguments; its JSON, the caller's. The config is described and trained for an epoch of what it says.
static json_t *init_and_train(const char *arguments, const char *config) {
    ck_run(0, "\"$S\" init %s -o %s --hours 0.01 --json -q", arguments, config);
    json_t *said = printed_json();
    ck_assert_str_eq(json_string_value(json_object_get(said, "config")), config);
    ck_run(0, "\"$S\" describe %s --no-timing --json", config);
    json_t *described = printed_json();
    ck_assert_int_eq(atol(json_string_value(json_object_get(described, "size"))), integer(said, "archs"));
    json_decref(described);
    ck_run(0, "\"$S\" train %s -o run.%s -q --json --set train.epochs=1", config, config);
    json_t *trained = printed_json();
    ck_assert_int_ge(integer(trained, "step"), 1);
    json_decref(trained);
    return said;
}

static void check_images(const json_t *said, long train, long validation, long test) {
    const json_t *images = json_object_get(said, "images");
    ck_assert_int_eq(integer(images, "train"), train);
    ck_assert_int_eq(integer(images, "validation"), validation);
    ck_assert_int_eq(integer(images, "test"), test);
}

static void check_input(const json_t *said, int channels, int height, int width) {
    const json_t *input = json_object_get(said, "input");
    const int wanted[] = {channels, height, width};
    for (size_t i = 0; i < 3; i++) ck_assert_int_eq(json_integer_value(json_array_get(input, i)), wanted[i]);
}

static void check_config(const char *config, const char *text, bool there) {
    ck_assert_msg(!strstr(read_all(config), text) == !there, "%s %s '%s':\n%s", config, there ? "lacks" : "has", text,
                  read_all(config));
}

// One line on stderr, which names the source; no config.
static void check_refused(const char *source, const char *text) {
    ck_run(4, "\"$S\" init %s -o none.yaml", source);
    const char *err = read_all("err"), *end = strchr(err, '\n');
    ck_assert_msg(end && !end[1], "not one line: %s", err);
    ck_printed("err", source);
    ck_printed("err", text);
    ck_assert(access(at(PLACE "/none.yaml"), F_OK));
    ck_assert_str_eq(read_all("out"), "");
}

// --- eight kinds

START_TEST(folder_with_splits) {
    put_split_tree("pets");
    json_t *said = init_and_train("pets", "a.yaml");
    check_images(said, 24, 9, 9);
    check_input(said, 3, 16, 16);
    ck_assert_str_eq(json_string_value(json_object_get(said, "format")), "folder of images");
    json_decref(said);
    check_config("a.yaml", "source: pets\n", true);
    check_config("a.yaml", "validation:", false);
    check_config("a.yaml", "test:", false);
    check_config("a.yaml", "flip: true}", true);
    check_config("a.yaml", "# 3 classes, images for training: cat (8), dog (8), owl (8)\n", true);
}
END_TEST

// 60 images: 6 for test, 5 of the other 54 for validation; but two of each of 3 classes.
START_TEST(folder_without_splits) {
    put_class("pets/cat", 30, 20, 2);
    put_class("pets/dog", 15, 20, 0);
    put_class("pets/owl", 15, 20, 2);
    json_t *said = init_and_train("pets", "a.yaml");
    check_images(said, 48, 6, 6);
    check_input(said, 1, 20, 20);
    json_decref(said);
    check_config("a.yaml", "  test: 6 ", true);
    check_config("a.yaml", "  validation: 6 ", true);
    check_config("a.yaml", "flip: false}", true);
    ck_run(
        0,
        "\"$S\" rank run.a.yaml -q --set rank.strategy=random --set rank.sample=3"); // the held out images do what they are for
    ck_run(0, "\"$S\" eval run.a.yaml --arch best --split test -q");
}
END_TEST

START_TEST(tar_of_images) {
    put_class("pets/cat", 20, 16, 1);
    put_class("pets/dog", 20, 16, 1);
    ck_run(0, "tar -czf pets.tar.gz pets");
    json_t *said = init_and_train("pets.tar.gz", "a.yaml");
    check_images(said, 32, 4, 4);
    json_decref(said);
    ck_run(0, "\"$S\" init pets.tar.gz -q --hours 0.001"); // the name of the config: that of the source
    check_config("pets.yaml", "source: pets.tar.gz\n", true);
}
END_TEST

START_TEST(idx) {
    uint8_t label[80];
    for (int i = 0; i < 80; i++) label[i] = (uint8_t)(i % 5);
    put_idx(at(PLACE "/digits"), 60, 20, 14, 14, label);
    json_t *said = init_and_train("digits", "a.yaml");
    check_images(said, 50, 10, 20); // two of each class
    check_input(said, 1, 14, 14);
    json_decref(said);
    check_config("a.yaml", "  test:", false);
}
END_TEST

START_TEST(cifar) {
    put_cifar("c10");
    json_t *said = init_and_train("c10", "a.yaml");
    check_images(said, 45, 15, 12); // a quarter at most
    check_input(said, 3, 32, 32);
    json_decref(said);
}
END_TEST

START_TEST(hdf5) {
    put_h5("good.h5", false, NULL);
    json_t *said = init_and_train("good.h5", "a.yaml");
    check_images(said, 24, 8, 8);
    check_input(said, 3, 12, 12);
    json_decref(said);
    put_h5("told.h5", true, "NCHW");
    said = init_and_train("told.h5", "b.yaml");
    check_input(said, 3, 12, 12);
    json_decref(said);
}
END_TEST

START_TEST(hdf5_in_the_wrong_order) {
    put_h5("wrong.h5", true, NULL);
    check_refused("wrong.h5",
                  "/train/images: of 40x3x12x12, which looks like (N, C, H, W), but is read as (N, H, W, C) unless its "
                  "attribute layout is NCHW: in Python, file[\"train/images\"].attrs[\"layout\"] = \"NCHW\"");
}
END_TEST

START_TEST(broken) {
    put_split_tree("pets");
    size_t n;
    void *bytes = load_file(at(PLACE "/pets/train/dog/003.png"), &n);
    put_file(at(PLACE "/pets/train/dog/003.png"), bytes, n - 20);
    free(bytes);
    check_refused("pets", "train/dog/003.png: damaged PNG: cut short");
    put_class("one/only", 20, 16, 1);
    check_refused("one", "one: all its images are of one class, 'only'; at least two classes are needed");
    put_class("two/set/only", 20, 16, 1);
    check_refused("two", "all its images are of one class, 'only'; at least two classes are needed");
    put_class("few/a", 3, 16, 1);
    put_class("few/b", 3, 16, 1);
    check_refused("few", "6 images for training; at least 8 are needed");
    put_class("capital/Train/a", 9, 16, 1);
    put_class("capital/Test/a", 9, 16, 1);
    check_refused("capital", "Test/a/000.png: is this a split? they are called train, val and test");
    put_split_tree("beside");
    put_class("beside/bird", 9, 16, 1);
    ck_run(0, "\"$S\" init beside --hours 0.0001 -o beside.yaml");
    ck_printed("err", "warning: not read, beside the folder train: folder 'bird'");
    ck_run(0, "\"$S\" cache list --json"); // init's own look at the pictures too
    ck_assert_ptr_null(strstr(read_all("out"), "\"changed\""));
    ck_run(0, "mkdir -p run/checkpoints && touch run/config.yaml");
    check_refused("run", "a run folder, which holds no data");
    write_all("notes/a.txt", "hello");
    check_refused("notes", "no known data set in it");
    check_refused("absent", "No such file or directory");
}
END_TEST

// --- rules

// The shorter side: the median, a multiple of 8 where sizes differ, at most 128; larger pictures are kept larger, to crop from.
START_TEST(sizes) {
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < 12; i++)
            put_picture(at(PLACE "/mixed/%c/%d.png", 'a' + k, i), 43 + i % 3, 45 + i % 5, 1, ++next_number);
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < 12; i++) put_picture(at(PLACE "/wide/%c/%d.png", 'a' + k, i), 12, 30, 1, ++next_number);
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < 10; i++) put_picture(at(PLACE "/large/%c/%d.png", 'a' + k, i), 160, 170, 0, ++next_number);
    static const struct {
        const char *arguments;
        int channels, height, width;
        const char *has;
    } wanted[] = {
        {"mixed", 3, 48, 48, "crop: 6,"},
        {"wide", 3, 12, 30, "crop: 1,"},
        {"large", 1, 128, 136, "store: 144 "},
        {"large --size 32", 1, 32, 34, "crop: 0,"},
        {"mixed --size 20", 3, 20, 20, "store: 22 "},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        ck_run(0, "\"$S\" init %s -o a.yaml --force --hours 0.001 --json", wanted[i].arguments);
        json_t *said = printed_json();
        check_input(said, wanted[i].channels, wanted[i].height, wanted[i].width);
        json_decref(said);
        check_config("a.yaml", wanted[i].has, true);
    }
    ck_run(0, "\"$S\" train a.yaml -q -o run --set train.epochs=1");
}
END_TEST

// The mean over all architectures, as `describe` lists them; at most what was asked for; the file that was there stays.
START_TEST(limits) {
    put_class("pets/cat", 20, 32, 1);
    put_class("pets/dog", 20, 32, 1);
    ck_run(0, "\"$S\" init pets -o a.yaml --max-macs 1M --json -q --hours 0.001");
    json_t *said = printed_json();
    ck_assert(number(said, "mean_macs") <= 1e6);
    ck_run(0, "\"$S\" describe a.yaml --archs all --csv");
    double sum = 0, n = 0;
    for (const char *p = strchr(read_all("out"), '\n'); p && p[1]; p = strchr(p + 1, '\n'), n++) {
        const char *macs = strchr(p + 2, '"') + 2; // behind the quoted arch
        sum += atof(macs);
    }
    ck_assert_int_eq((long)n, integer(said, "archs"));
    ck_assert_msg(fabs(sum / n - number(said, "mean_macs")) <= 1e-6 * sum / n, "%g, not %g", number(said, "mean_macs"), sum / n);
    json_decref(said);
    ck_run(2, "\"$S\" init pets -o b.yaml --max-macs 1000");
    ck_printed("err", "--max-macs: the smallest of the proposed spaces has ");

    write_all("c.yaml", "mine");
    ck_run(2, "\"$S\" init pets -o c.yaml");
    ck_printed("err", "c.yaml is there already; --force replaces it, -o names another file");
    ck_assert_str_eq(read_all("c.yaml"), "mine");
    ck_run(0, "\"$S\" init pets -o c.yaml --force --hours 0.001");
    ck_printed("out", "next:\n  supernet describe c.yaml\n  supernet train c.yaml\n  supernet rank runs/c\n");
    check_config("c.yaml", "source: pets\n", true);
    ck_run(2, "\"$S\" init pets -o d.yaml --hours 0");
    ck_run(1, "\"$S\" init pets -o no/such/folder.yaml");
    ck_run(2, "\"$S\" init pets -o - --json");
    ck_run(0, "mkdir sub && \"$S\" init pets -o sub/d.yaml -q --hours 0.001 && \"$S\" describe sub/d.yaml --no-timing");
    ck_run(0, "\"$S\" init pets -o - --hours 0.001 -q >e.yaml && \"$S\" describe e.yaml --no-timing"); // elsewhere: absolute
    check_config("e.yaml", PLACE "/pets\"", true);
}
END_TEST

// Names of strangers: none may end a comment or a value of the config.
START_TEST(names) {
    put_class("it's: \"my\" #1 set/a: [b", 10, 16, 1);
    put_class("it's: \"my\" #1 set/l\u2028classes: 7", 10, 16, 1);
    put_class("it's: \"my\" #1 set/n\xc2\x85x", 10, 16, 1);
    put_class("it's: \"my\" #1 set/K\u00e4fer", 10, 16, 1);
    ck_run(0, "\"$S\" init \"it's: \\\"my\\\" #1 set\" -o a.yaml --hours 0.001 && \"$S\" describe a.yaml --no-timing");
    ck_run(0, "\"$S\" train a.yaml -q -o run --set train.epochs=1");
}
END_TEST

// What is odd about the images is said, once.
START_TEST(warnings) {
    put_class("pets/train/cat", 40, 16, 1);
    put_class("pets/train/dog", 9, 16, 1);
    put_class("pets/test/cat", 4, 16, 1);
    put_picture(at(PLACE "/pets/test/cat/copy.png"), 16, 16, 1, next_number - 10); // of train
    put_picture(at(PLACE "/pets/train/cat/twin.png"), 16, 16, 1, next_number - 30);
    put_picture(at(PLACE "/pets/train/dog/torn.png"), 16, 16, 1, next_number - 31);
    ck_run(0, "\"$S\" init pets -o a.yaml --hours 0.001");
    ck_printed("out", "splits: train 51, test 5, of which 46 to train, 5 held out for validation\n");
    ck_printed("err", "warning: the classes are uneven: 'cat' has 41 images, 'dog' 10; accuracy counts images, so large classes "
                      "count more\n");
    ck_printed("err", "warning: 1 image of val and test also in train, pixel by pixel: scores on them say nothing\n");
    ck_printed("err", "warning: 1 image of train copied from others, pixel by pixel; some will be held out while their twins are "
                      "trained on\n");
    ck_printed("err", "warning: 1 image of train with the very pixels of another one, but of another class\n");
}
END_TEST

int main(void) {
    Suite *s = suite_create("init");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 600);
    tcase_add_checked_fixture(t, place_make, folder_remove);
    tcase_add_test(t, folder_with_splits);
    tcase_add_test(t, folder_without_splits);
    tcase_add_test(t, tar_of_images);
    tcase_add_test(t, idx);
    tcase_add_test(t, cifar);
    tcase_add_test(t, hdf5);
    tcase_add_test(t, hdf5_in_the_wrong_order);
    tcase_add_test(t, broken);
    tcase_add_test(t, sizes);
    tcase_add_test(t, limits);
    tcase_add_test(t, names);
    tcase_add_test(t, warnings);
    suite_add_tcase(s, t);
    return run_suite(s);
}

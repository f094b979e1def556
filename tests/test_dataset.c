// Data sets: IDX and CIFAR files good and bad, splits, statistics, the cache file and everything that can happen to it.
// Not here: pictures (test_images.c), HDF5 (test_hdf5data.c), the child process (test_child.c).
// Next: test_augment.c.
#include "datafiles.h"
#include "io/data/cache.h"
#include "pngfile.h"

#include <fcntl.h>
#include <math.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <utime.h>

static const uint8_t small_labels[] = {2, 0, 1, 1, 2, /* test */ 1, 0, 2};

static void put_small(const char *folder) {
    put_idx(folder, 5, 3, 3, 4, small_labels);
}

START_TEST(idx) {
    put_small(at("idx"));
    sn_data_options o = options(at("idx"), 1, 3, 4);
    sn_dataset *d = good(&o);
    ck_assert_int_eq(sn_dataset_count(d, SN_TRAIN), 5);
    ck_assert_int_eq(sn_dataset_count(d, SN_VALIDATION), 0);
    ck_assert_int_eq(sn_dataset_count(d, SN_TEST), 3);
    ck_assert_int_eq(sn_dataset_classes(d), 3);
    ck_assert_str_eq(sn_dataset_class_name(d, 2), "2");
    ck_assert(sn_dataset_height(d) == 3 && sn_dataset_width(d) == 4);
    ck_assert_uint_eq(sn_dataset_memory(d), 8 * 12);
    uint8_t pixels[12];
    double sum = 0, squares = 0;
    for (uint32_t i = 0; i < 8; i++) {
        sn_split s = i < 5 ? SN_TRAIN : SN_TEST;
        ck_assert_int_eq(read_one(d, s, i < 5 ? i : i - 5, pixels), small_labels[i]);
        ck_assert_uint_eq(sn_dataset_sample_id(d, s, i < 5 ? i : i - 5), i);
        for (size_t p = 0; p < 12; p++) {
            ck_assert_uint_eq(pixels[p], idx_pixel(i, p));
            if (i < 5) sum += pixels[p] / 255.0, squares += pixels[p] / 255.0 * pixels[p] / 255.0;
        }
    }
    double mean = sum / 60, deviation = sqrt(squares / 60 - mean * mean);
    ck_assert(fabs(sn_dataset_mean(d)[0] - mean) <= 1e-14 && fabs(sn_dataset_std(d)[0] - deviation) <= 1e-14);

    uint32_t many[] = {4, 0, 4};
    uint8_t three[36];
    int32_t labels[3];
    ck_assert_int_eq(sn_dataset_read(d, SN_TRAIN, many, 3, three, labels), SN_OK);
    ck_assert(labels[0] == 2 && labels[1] == 2 && labels[2] == 2 && !memcmp(three, three + 24, 12) && three[12] == 0);
    ck_assert_int_eq(sn_dataset_read(d, SN_TRAIN, many, 3, NULL, NULL), SN_OK);
    many[1] = 5;
    ck_assert_int_eq(sn_dataset_read(d, SN_TRAIN, many, 3, three, labels), SN_FAIL);
    ck_assert_str_eq(sn_error_text(), "image 5 of a split of 5");
    sn_dataset_close(d);
}
END_TEST

// The same files packed give the same data.
START_TEST(idx_gz) {
    put_small(at("idx"));
    sn_data_options o = options(at("idx"), 1, 3, 4);
    sn_dataset *d = good(&o);
    static const char *const names[] = {"train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"};
    uint8_t bytes[256];
    for (int i = 0; i < 4; i++) put_gz(at("gz/%s-ubyte.gz", names[i]), bytes, get_file(at("idx/%s-ubyte", names[i]), bytes, 256));
    sn_data_options packed = options(at("gz"), 1, 3, 4);
    sn_dataset *e = good(&packed);
    ck_assert_str_eq(sn_dataset_fingerprint(d), sn_dataset_fingerprint(e));
    ck_assert_uint_eq(strlen(sn_dataset_fingerprint(d)), 32);
    sn_dataset_close(d);
    sn_dataset_close(e);

    // Cut at each byte, and one byte of the checksum wrong.
    for (int i = 0; i < 4; i++) {
        size_t n = get_file(at("gz/%s-ubyte.gz", names[i]), bytes, 256);
        for (size_t cut = 0; cut < n; cut++) {
            put_file(at("gz/%s-ubyte.gz", names[i]), bytes, cut);
            ck_assert_msg(!survives(&packed), "%s cut at %zu", names[i], cut);
            ck_message(names[i]);
        }
        bytes[n - 5] ^= 1;
        put_file(at("gz/%s-ubyte.gz", names[i]), bytes, n);
        ck_assert(!survives(&packed));
        bytes[n - 5] ^= 1;
        put_file(at("gz/%s-ubyte.gz", names[i]), bytes, n);
    }
    ck_assert(survives(&packed));
}
END_TEST

START_TEST(idx_bad) {
    uint8_t bytes[256], none[64] = {0};
    sn_data_options o = options(at("idx"), 1, 3, 4);
    const char *s = o.source, *images = "train-images-idx3-ubyte", *labels = "train-labels-idx1-ubyte";
    static const char *const names[] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
                                        "t10k-labels-idx1-ubyte"};
    for (int i = 0; i < 4; i++) {
        put_small(s);
        unlink(at("idx/%s", names[i]));
        refused(&o, SN_DATA, "%s: no %s or %s.gz in it", s, names[i], names[i]);
        mkdir(at("idx/%s", names[i]), 0777);
        refused(&o, SN_DATA, "%s/%s: not a regular file", s, names[i]);
        rmdir(at("idx/%s", names[i]));
    }
    put_small(s);
#define IMAGES(n, h, w) put_file(at("idx/%s", images), bytes, idx_images(bytes, n, h, w, none))
    put_file(at("idx/%s", images), bytes, idx_labels(bytes, 40, none));
    refused(&o, SN_DATA, "%s/%s: magic number 0x00000801, not 0x00000803: no IDX file of images", s, images);
    IMAGES(0, 3, 4);
    refused(&o, SN_DATA, "%s/%s: no images in it", s, images);
    IMAGES(5, 0, 4);
    refused(&o, SN_DATA, "%s/%s: images of 0x4: sides of 1 to 4096 are allowed", s, images);
    IMAGES(0, 4097, 4);
    refused(&o, SN_DATA, "%s/%s: images of 4097x4: sides of 1 to 4096 are allowed", s, images);
    IMAGES(4, 3, 4);
    refused(&o, SN_DATA, "%s/%s has 5 labels, but %s/%s has 4 images", s, labels, s, images);
    put_file(at("idx/%s", images), bytes, idx_images(bytes, 5, 3, 4, none) - 1);
    refused(&o, SN_DATA, "%s/%s: its header promises 76 bytes in all, but the file has 75", s, images);
    put_file(at("idx/%s", images), bytes, idx_images(bytes, 5, 3, 4, none) + 1);
    refused(&o, SN_DATA, "%s/%s: more than the 76 bytes of its header", s, images);
    put_file(at("idx/%s", images), bytes, 15);
    refused(&o, SN_DATA, "%s/%s: cut short: ends after 15 bytes, in its header", s, images);
    put_file(at("idx/%s", images), bytes, 0);
    refused(&o, SN_DATA, "%s/%s: cut short: ends after 0 bytes, in its header", s, images);
    word(bytes + 4, 0xffffffff); // counts that would take all memory
    put_file(at("idx/%s", images), bytes, 76);
    uint8_t huge[8];
    word(huge, 0x801);
    word(huge + 4, 0xffffffff);
    put_file(at("idx/%s", labels), huge, 8);
    refused(&o, SN_DATA, "%s/%s: its header promises 51539607556 bytes in all, but the file has 76", s, images);
    unlink(at("idx/%s", images));
    idx_images(bytes, 5, 3, 4, none);
    put_gz(at("idx/%s.gz", images), bytes, 64);
    put_small(at("idx"));
    unlink(at("idx/%s", images));
    refused(&o, SN_DATA, "%s/%s.gz: cut short: ends after 64 bytes, in image 4 of 5", s, images);
    unlink(at("idx/%s.gz", images));

    put_small(s);
    put_file(at("idx/%s", labels), bytes, idx_labels(bytes, 5, none));
    refused(&o, SN_DATA, "%s/t10k-labels-idx1-ubyte: label 2, but those of training go up to 0", s);
    put_small(s);
    o.channels = 2;
    refused(&o, SN_DATA, "%s/%s: image 0: 1 channels where 2 are wanted: only grey (1) and RGB (3) are converted", s, images);
}
END_TEST

// Every file cut at every byte is refused, naming it; every byte changed is refused or changes the data.
START_TEST(idx_cut) {
    static const char *const names[] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
                                        "t10k-labels-idx1-ubyte"};
    uint8_t bytes[256];
    put_idx(at("idx"), 2, 1, 2, 3, small_labels);
    sn_data_options o = options(at("idx"), 1, 2, 3);
    sn_dataset *d = good(&o), *e;
    for (int i = 0; i < 4; i++) {
        size_t n = get_file(at("idx/%s", names[i]), bytes, 256);
        for (size_t cut = 0; cut < n; cut++) {
            put_file(at("idx/%s", names[i]), bytes, cut);
            ck_assert_msg(!survives(&o), "%s cut at %zu", names[i], cut);
            ck_message(names[i]);
        }
        for (size_t k = 0; k < n; k++) {
            bytes[k] ^= 0x81;
            put_file(at("idx/%s", names[i]), bytes, n);
            if (sn_dataset_open(&o, &e) == SN_OK) {
                ck_assert_str_ne(sn_dataset_fingerprint(d), sn_dataset_fingerprint(e));
                sn_dataset_close(e);
            }
            bytes[k] ^= 0x81;
        }
        put_file(at("idx/%s", names[i]), bytes, n);
    }
    sn_dataset_close(d);
}
END_TEST

// The real thing, where it is installed: figures known from elsewhere.
START_TEST(fashion_mnist) {
    sn_data_options o = options("/usr/share/datasets/fashion-mnist", 1, 28, 28);
    if (access(o.source, R_OK)) return;
    sn_dataset *d = good(&o);
    ck_assert(sn_dataset_count(d, SN_TRAIN) == 60000 && sn_dataset_count(d, SN_TEST) == 10000 && sn_dataset_classes(d) == 10);
    ck_assert(fabs(sn_dataset_mean(d)[0] - 0.2860405969887955) <= 1e-12);
    ck_assert(fabs(sn_dataset_std(d)[0] - 0.3530242445149223) <= 1e-12);
    sn_dataset_close(d);
    o.validation = 10000;
    d = good(&o);
    long per_class[2][10] = {{0}};
    for (uint32_t i = 0; i < 60000; i++) {
        sn_split s = i < 10000 ? SN_VALIDATION : SN_TRAIN;
        per_class[s][read_one(d, s, i < 10000 ? i : i - 10000, NULL)]++;
    }
    for (int c = 0; c < 10; c++) ck_assert(per_class[SN_VALIDATION][c] == 1000 && per_class[SN_TRAIN][c] == 5000);
    sn_dataset_close(d);
}
END_TEST

// --- CIFAR

// n records of label bytes and planes: pixel of plane c, row y, column x is (50 c + y + 3 x + i) mod 256.
static void put_batch(const char *path, int first, int n, int label_bytes, uint8_t (*label)(int i, int byte)) {
    static uint8_t bytes[8 * 3074];
    uint8_t *p = bytes;
    for (int i = first; i < first + n; i++) {
        for (int b = 0; b < label_bytes; b++) *p++ = label(i, b);
        for (int c = 0; c < 3; c++)
            for (int y = 0; y < 32; y++)
                for (int x = 0; x < 32; x++) *p++ = (uint8_t)(50 * c + y + 3 * x + i);
    }
    put_file(path, bytes, (size_t)(p - bytes));
}
static uint8_t label10(int i, int byte) {
    (void)byte;
    return (uint8_t)(i % 10);
}
static uint8_t label100(int i, int byte) {
    return (uint8_t)(byte ? 9 * i : i);
}

static void put_cifar10(const char *folder) {
    char path[512];
    for (int i = 0; i < 6; i++) {
        if (i < 5)
            snprintf(path, sizeof path, "%s/data_batch_%d.bin", folder, i + 1);
        else
            snprintf(path, sizeof path, "%s/test_batch.bin", folder);
        put_batch(path, 2 * i, 2, 1, label10);
    }
}

static void check_cifar_pixels(const sn_dataset *d, sn_split s, uint32_t position, int i) {
    uint8_t pixels[3072];
    read_one(d, s, position, pixels);
    for (int y = 0; y < 32; y++)
        for (int x = 0; x < 32; x++)
            for (int c = 0; c < 3; c++) ck_assert_uint_eq(pixels[(y * 32 + x) * 3 + c], (uint8_t)(50 * c + y + 3 * x + i));
}

START_TEST(cifar) {
    put_cifar10(at("c10"));
    sn_data_options o = options(at("c10"), 3, 32, 32);
    sn_dataset *d = good(&o);
    ck_assert(sn_dataset_count(d, SN_TRAIN) == 10 && sn_dataset_count(d, SN_TEST) == 2 && sn_dataset_classes(d) == 10);
    ck_assert_str_eq(sn_dataset_class_name(d, 3), "3");
    for (uint32_t i = 0; i < 12; i++) {
        sn_split s = i < 10 ? SN_TRAIN : SN_TEST;
        ck_assert_int_eq(read_one(d, s, i % 10, NULL), (int)i % 10);
        check_cifar_pixels(d, s, i % 10, (int)i);
    }
    sn_dataset_close(d);

    static const char names[] = "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n";
    put_file(at("c10/batches.meta.txt"), names, strlen(names));
    d = good(&o);
    ck_assert_str_eq(sn_dataset_class_name(d, 9), "truck");
    sn_dataset_close(d);
    put_file(at("c10/batches.meta.txt"), names, 20);
    refused(&o, SN_DATA, "%s/batches.meta.txt: 2 names of classes, not 10", o.source);
    unlink(at("c10/batches.meta.txt"));
    unlink(at("c10/data_batch_4.bin"));
    refused(&o, SN_DATA, "%s: no data_batch_4.bin in it", o.source);
    put_batch(at("c10/data_batch_4.bin"), 12, 3, 1, label100);
    refused(&o, SN_DATA, "%s/data_batch_4.bin: image 0: label 12 where 0 to 9 are allowed", o.source);
    ck_assert_int_eq(truncate(at("c10/data_batch_4.bin"), 3072), 0);
    refused(&o, SN_DATA, "%s/data_batch_4.bin: 3072 bytes: a multiple of 3073 is needed, one image each", o.source);

    put_batch(at("c100/train.bin"), 0, 8, 2, label100);
    put_batch(at("c100/test.bin"), 8, 3, 2, label100);
    o = options(at("c100"), 3, 32, 32);
    d = good(&o);
    ck_assert(sn_dataset_count(d, SN_TRAIN) == 8 && sn_dataset_count(d, SN_TEST) == 3 && sn_dataset_classes(d) == 100);
    ck_assert_int_eq(read_one(d, SN_TEST, 1, NULL), 81);
    check_cifar_pixels(d, SN_TEST, 1, 9);
    sn_dataset_close(d);
    put_batch(at("c100/test.bin"), 20, 3, 2, label10);
    ck_assert(survives(&o));
    put_batch(at("c100/test.bin"), 20, 1, 2, label100);
    refused(&o, SN_DATA, "%s/test.bin: image 0: label 20 where 0 to 19 are allowed", o.source);
    put_batch(at("c100/test.bin"), 12, 1, 2, label100);
    refused(&o, SN_DATA, "%s/test.bin: image 0: label 108 where 0 to 99 are allowed", o.source);
}
END_TEST

// --- splits

static void put_png_grey(const char *path, int value) {
    const uint8_t pixels[4] = {(uint8_t)value, (uint8_t)(2 * value), (uint8_t)(3 * value), 0};
    put_png(path, 2, 2, false, pixels);
}

START_TEST(splits) {
    uint8_t label[90];
    for (int i = 0; i < 87; i++) label[i] = i % 29 < 17 ? 0 : i % 29 < 26 ? 1 : 2; // 51, 27, 9
    label[0] = label[1] = 1;                                                       // 49, 29, 9
    memset(label + 87, 0, 3);
    put_idx(at("idx"), 87, 3, 1, 2, label);
    sn_data_options o = options(at("idx"), 1, 1, 2);
    o.validation = 20; // 49 * 20 / 87 = 11 + 23/87, 29 * 20 / 87 = 6 + 58/87, 9 * 20 / 87 = 2 + 6/87
    uint32_t ids[2][20];
    for (int seed = 0; seed < 2; seed++) {
        o.seed = 7 + (uint32_t)seed;
        sn_dataset *d = good(&o), *again = good(&o);
        ck_assert(sn_dataset_count(d, SN_TRAIN) == 67 && sn_dataset_count(d, SN_VALIDATION) == 20 &&
                  sn_dataset_count(d, SN_TEST) == 3);
        long per_class[3] = {0};
        uint8_t seen[87] = {0}, pixels[2];
        int in_order = 1;
        for (uint32_t i = 0; i < 87; i++) {
            sn_split s = i < 20 ? SN_VALIDATION : SN_TRAIN;
            uint32_t k = i < 20 ? i : i - 20, id = sn_dataset_sample_id(d, s, k);
            ck_assert_uint_lt(id, 87);
            ck_assert_uint_eq(id, sn_dataset_sample_id(again, s, k));
            ck_assert(!seen[id]++);
            int32_t l = read_one(d, s, k, pixels);
            ck_assert(l == label[id] && pixels[0] == idx_pixel(id, 0) && pixels[1] == idx_pixel(id, 1));
            if (s == SN_VALIDATION) {
                per_class[l]++;
                ids[seed][k] = id;
                if (k) in_order &= id > ids[seed][k - 1];
            } else if (k) {
                ck_assert_uint_gt(id, sn_dataset_sample_id(d, s, k - 1));
            }
        }
        ck_assert(per_class[0] == 11 && per_class[1] == 7 && per_class[2] == 2);
        ck_assert(!in_order); // shuffled: a prefix is a random sample
        ck_assert_uint_eq(sn_dataset_sample_id(d, SN_TEST, 1), 88);
        sn_dataset_close(d);
        sn_dataset_close(again);
    }
    ck_assert(memcmp(ids[0], ids[1], sizeof ids[0]));

    o.validation = 86;
    sn_dataset *d = good(&o);
    ck_assert(sn_dataset_count(d, SN_TRAIN) == 1 && sn_dataset_count(d, SN_VALIDATION) == 86);
    sn_dataset_close(d);
    o.validation = 87;
    refused(&o, SN_CONFIG, "data.validation: 87 images are to be held out, but %s has 87 for training: 0 to 86 are allowed",
            o.source);
    o.validation = -1;
    refused(&o, SN_CONFIG, "data.validation: -1: 0 or more is allowed");
}
END_TEST

// Images held out for testing: by class, in the source's order, the same whatever is held out for validation besides.
START_TEST(held_for_test) {
    uint8_t label[60];
    for (int i = 0; i < 60; i++) label[i] = (uint8_t)(i % 4 == 3); // 45, 15
    put_idx(at("idx"), 59, 1, 1, 2, label);
    sn_data_options o = options(at("idx"), 1, 1, 2);
    o.test = 4;
    refused(&o, SN_CONFIG, "data.test: 4 images are to be held out, but %s has a test part of 1: 0 is allowed", o.source);
    o.test = -1;
    refused(&o, SN_CONFIG, "data.test: -1: 0 or more is allowed");

    for (int i = 0; i < 40; i++) put_png_grey(at("set/%s/%02d.png", i % 4 == 3 ? "b" : "a", i), i);
    o = options(at("set"), 1, 2, 2);
    o.test = 8;
    sn_dataset *alone = good(&o);
    o.validation = 12;
    sn_dataset *d = good(&o);
    ck_assert(sn_dataset_count(d, SN_TRAIN) == 20 && sn_dataset_count(d, SN_VALIDATION) == 12 &&
              sn_dataset_count(d, SN_TEST) == 8);
    ck_assert(sn_dataset_count(alone, SN_TRAIN) == 32 && sn_dataset_count(alone, SN_TEST) == 8);
    long per_class[3][2] = {{0}};
    uint8_t seen[40] = {0};
    for (sn_split s = SN_TRAIN; s <= SN_TEST; s++)
        for (uint32_t i = 0; i < sn_dataset_count(d, s); i++) {
            per_class[s][read_one(d, s, i, NULL)]++;
            ck_assert(!seen[sn_dataset_sample_id(d, s, i)]++);
        }
    ck_assert(per_class[SN_TEST][0] == 6 && per_class[SN_TEST][1] == 2); // 30 and 10 of 40
    ck_assert(per_class[SN_VALIDATION][0] == 9 && per_class[SN_VALIDATION][1] == 3);
    for (uint32_t i = 0; i < 8; i++) {
        ck_assert_uint_eq(sn_dataset_sample_id(d, SN_TEST, i), sn_dataset_sample_id(alone, SN_TEST, i));
        if (i) ck_assert_uint_gt(sn_dataset_sample_id(d, SN_TEST, i), sn_dataset_sample_id(d, SN_TEST, i - 1));
    }
    o.seed++;
    sn_dataset *other = good(&o);
    int same = 0;
    for (uint32_t i = 0; i < 8; i++) same += sn_dataset_sample_id(d, SN_TEST, i) == sn_dataset_sample_id(other, SN_TEST, i);
    ck_assert_int_lt(same, 8);
    sn_dataset_close(alone);
    sn_dataset_close(d);
    sn_dataset_close(other);
    o.test = 39;
    o.validation = 1;
    refused(&o, SN_CONFIG, "data.validation: 1 images are to be held out, but %s has 1 for training: 0 to 0 are allowed",
            o.source);
    o.test = 40;
    refused(&o, SN_CONFIG, "data.test: 40 images are to be held out, but %s has 40 for training: 0 to 39 are allowed", o.source);
}
END_TEST

// A part of train: of its images, in their order, by seed; validation is that of the whole.
START_TEST(fewer_images) {
    uint8_t label[60];
    for (int i = 0; i < 60; i++) label[i] = (uint8_t)(i % 3);
    put_idx(at("idx"), 50, 10, 2, 2, label);
    sn_data_options o = options(at("idx"), 1, 2, 2);
    o.validation = 8;
    sn_dataset *all = good(&o);
    o.images = 20;
    sn_dataset *d = good(&o), *again = good(&o);
    o.seed++;
    sn_dataset *other = good(&o);
    ck_assert(sn_dataset_count(d, SN_TRAIN) == 20 && sn_dataset_count(d, SN_VALIDATION) == 8 &&
              sn_dataset_count(d, SN_TEST) == 10);
    int same = 0, first_ones = 0;
    for (uint32_t i = 0, k = 0; i < 20; i++) {
        uint32_t id = sn_dataset_sample_id(d, SN_TRAIN, i);
        while (k < 42 && sn_dataset_sample_id(all, SN_TRAIN, k) != id) k++; // found in this order
        ck_assert_uint_lt(k, 42);
        ck_assert_uint_eq(id, sn_dataset_sample_id(again, SN_TRAIN, i));
        same += id == sn_dataset_sample_id(other, SN_TRAIN, i);
        first_ones += k == i;
    }
    ck_assert(same < 20 && first_ones < 20);
    for (uint32_t i = 0; i < 8; i++)
        ck_assert_uint_eq(sn_dataset_sample_id(d, SN_VALIDATION, i), sn_dataset_sample_id(all, SN_VALIDATION, i));
    ck_assert(sn_dataset_mean(all)[0] != sn_dataset_mean(d)[0]);
    sn_dataset_close(all);
    sn_dataset_close(d);
    sn_dataset_close(again);
    sn_dataset_close(other);
    o.images = 43;
    refused(&o, SN_CONFIG, "data.images: 43 images are to be used, but %s has 42 for training: 0 to 42 are allowed", o.source);
}
END_TEST

// Mean and deviation are those of train after validation is held out.
START_TEST(statistics) {
    uint8_t label[42];
    for (int i = 0; i < 42; i++) label[i] = (uint8_t)(i % 2);
    put_idx(at("idx"), 40, 2, 2, 2, label);
    sn_data_options o = options(at("idx"), 1, 2, 2);
    sn_dataset *all = good(&o);
    o.validation = 15;
    sn_dataset *d = good(&o);
    double sum = 0, squares = 0, n = 0;
    for (uint32_t i = 0; i < 25; i++) {
        uint8_t pixels[4];
        read_one(d, SN_TRAIN, i, pixels);
        for (int p = 0; p < 4; p++) sum += pixels[p], squares += pixels[p] * pixels[p], n++;
    }
    double mean = sum / n / 255, deviation = sqrt(squares / n - sum / n * sum / n) / 255;
    ck_assert(fabs(sn_dataset_mean(d)[0] - mean) <= 1e-14 && fabs(sn_dataset_std(d)[0] - deviation) <= 1e-13);
    ck_assert(sn_dataset_mean(all)[0] != sn_dataset_mean(d)[0]);
    ck_assert_str_eq(sn_dataset_fingerprint(all), sn_dataset_fingerprint(d));
    sn_dataset_close(all);
    sn_dataset_close(d);
}
END_TEST

START_TEST(epoch_order) {
    uint32_t a[1000], b[1000], c[1000];
    uint8_t seen[1000] = {0};
    sn_epoch_order(3, 0, 1000, a);
    sn_epoch_order(3, 1, 1000, b);
    sn_epoch_order(3, 0, 1000, c);
    for (int i = 0; i < 1000; i++) {
        ck_assert_uint_lt(a[i], 1000);
        ck_assert(!seen[a[i]]++);
    }
    ck_assert(!memcmp(a, c, sizeof a) && memcmp(a, b, sizeof a));
    sn_epoch_order(4, 0, 1000, c);
    ck_assert(memcmp(a, c, sizeof a));
}
END_TEST

// --- the cache

// Streamed from the file or kept in memory: everything equal.
START_TEST(streamed) {
    uint8_t label[60];
    for (int i = 0; i < 60; i++) label[i] = (uint8_t)(i % 3);
    put_idx(at("idx"), 50, 10, 5, 7, label);
    sn_data_options o = options(at("idx"), 3, 4, 4); // resized and coloured too
    o.validation = 9;
    sn_dataset *whole = good(&o);
    o.memory = 60 * 48 - 1;
    sn_dataset *stream = good(&o);
    ck_assert_uint_eq(sn_dataset_memory(whole), 60 * 48);
    ck_assert_uint_eq(sn_dataset_memory(stream), 0);
    ck_assert_str_eq(sn_dataset_fingerprint(whole), sn_dataset_fingerprint(stream));
    ck_assert(!memcmp(sn_dataset_mean(whole), sn_dataset_mean(stream), 3 * sizeof(double)));
    ck_assert(!memcmp(sn_dataset_std(whole), sn_dataset_std(stream), 3 * sizeof(double)));
    for (int s = SN_TRAIN; s <= SN_TEST; s++)
        for (uint32_t i = 0; i < sn_dataset_count(whole, (sn_split)s); i++) {
            uint8_t a[48], b[48];
            ck_assert_int_eq(read_one(whole, (sn_split)s, i, a), read_one(stream, (sn_split)s, i, b));
            ck_assert(!memcmp(a, b, 48) && a[0] == a[1] && a[1] == a[2]);
        }
    sn_dataset_close(whole);
    sn_dataset_close(stream);
}
END_TEST

static int cache_files(char name[8][256]);

// A cache that is written to while its images are streamed is noticed at the first of them that differs.
START_TEST(changed_while_streamed) {
    char name[8][256];
    uint8_t a[12];
    put_small(at("idx"));
    sn_data_options o = options(at("idx"), 1, 3, 4);
    o.memory = 1;
    sn_dataset *d = good(&o);
    ck_assert_int_eq(cache_files(name), 1);
    int fd = open(at("cache/%s", name[0]), O_RDWR);
    ck_assert_int_eq(pread(fd, a, 1, 8192 + 2 * 12 + 5), 1);
    a[0] ^= 1;
    ck_assert_int_eq(pwrite(fd, a, 1, 8192 + 2 * 12 + 5), 1);
    close(fd);
    read_one(d, SN_TRAIN, 1, a);
    ck_assert_int_eq(sn_dataset_read(d, SN_TRAIN, (uint32_t[]){2}, 1, a, NULL), SN_DATA);
    ck_message("its pixels were changed while it is in use");
    sn_dataset_close(d);
}
END_TEST

// Checkpoints hold the names of the classes as one text of at most 1 MiB.
START_TEST(names_of_classes) {
    enum { N = 4096, BYTES = 255 };
    static char text[N + 1][BYTES + 1];
    static const char *names[N + 1];
    for (int i = 0; i <= N; i++) snprintf(text[i], sizeof text[i], "%0*d", BYTES, i), names[i] = text[i];
    sn_cache_writer *w;
    ck_ok(sn_cache_create(at("names"), "key", &(sn_cache_shape){1, 1, 1, SN_FIT_CROP}, &w));
    ck_assert_int_eq(sn_cache_begin(w, (uint64_t[]){N + 1, 0, 0}, N + 1, names), SN_DATA);
    ck_message("the names of the 4097 classes have 1048832 bytes together: at most 1048576 are allowed");
    sn_cache_abandon(w);
    unlink(at("names"));
    ck_ok(sn_cache_create(at("names"), "key", &(sn_cache_shape){1, 1, 1, SN_FIT_CROP}, &w));
    ck_ok(sn_cache_begin(w, (uint64_t[]){N, 0, 0}, N, names));
    sn_cache_abandon(w);
}
END_TEST

// Names of the files in the cache folder, hidden ones too; returns how many.
static int cache_files(char name[8][256]) {
    int n = 0;
    DIR *d = opendir(at("cache"));
    if (!d) return 0;
    for (struct dirent *e; (e = readdir(d));)
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..")) {
            ck_assert_int_lt(n, 8);
            snprintf(name[n++], 256, "%s", e->d_name);
        }
    closedir(d);
    return n;
}

static ino_t cache_inode(void) {
    char name[8][256];
    struct stat s;
    ck_assert_int_eq(cache_files(name), 1);
    ck_assert_int_eq(stat(at("cache/%s", name[0]), &s), 0);
    return s.st_ino;
}

START_TEST(reused) {
    put_small(at("idx"));
    sn_data_options o = options(at("idx"), 1, 3, 4);
    sn_dataset *first = good(&o); // kept open, so that its inode is not given again
    ino_t inode = cache_inode();
    sn_dataset_close(good(&o));
    o.validation = 2; // not a matter of the cache
    sn_dataset_close(good(&o));
    ck_assert_uint_eq(cache_inode(), inode);

    struct utimbuf old = {1, 1}; // the source changes: the same file is made again
    utime(at("idx/t10k-labels-idx1-ubyte"), &old);
    sn_dataset *second = good(&o);
    ck_assert_uint_ne(cache_inode(), inode);
    ck_assert_str_eq(sn_dataset_fingerprint(first), sn_dataset_fingerprint(second));
    inode = cache_inode();
    put_file(at("idx/t10k-labels-idx1-ubyte.gz"), "", 0); // not read: the plain file is there
    sn_dataset_close(good(&o));
    ck_assert_uint_eq(cache_inode(), inode);

    struct stat was; // another file of the same size, with the time set back
    static uint8_t labels[64];
    ck_assert_int_eq(stat(at("idx/train-labels-idx1-ubyte"), &was), 0);
    size_t n = get_file(at("idx/train-labels-idx1-ubyte"), labels, sizeof labels);
    labels[n - 1] ^= 1;
    put_file(at("new"), labels, n);
    ck_assert_int_eq(utimensat(AT_FDCWD, at("new"), (struct timespec[]){was.st_atim, was.st_mtim}, 0), 0);
    ck_assert_int_eq(rename(at("new"), at("idx/train-labels-idx1-ubyte")), 0);
    sn_dataset *changed = good(&o);
    ck_assert_str_ne(sn_dataset_fingerprint(first), sn_dataset_fingerprint(changed));
    sn_dataset_close(changed);
    labels[n - 1] ^= 1;
    put_file(at("idx/train-labels-idx1-ubyte"), labels, n);
    sn_dataset_close(good(&o));

    rename(at("idx"), at("elsewhere")); // the same data from another place: another file, the same fingerprint
    o.source = at("elsewhere");
    sn_dataset *third = good(&o);
    char name[8][256];
    ck_assert_int_eq(cache_files(name), 2);
    ck_assert_str_eq(sn_dataset_fingerprint(first), sn_dataset_fingerprint(third));
    o.height = 2;
    sn_dataset *fourth = good(&o);
    ck_assert_int_eq(cache_files(name), 3);
    ck_assert_str_ne(sn_dataset_fingerprint(first), sn_dataset_fingerprint(fourth));
    o.fit = SN_FIT_STRETCH;
    sn_dataset_close(good(&o));
    ck_assert_int_eq(cache_files(name), 4);

    uint8_t pixels[12]; // an open cache is not disturbed by its replacement
    read_one(first, SN_TRAIN, 4, pixels);
    ck_assert_uint_eq(pixels[1], idx_pixel(4, 1));
    sn_dataset_close(first);
    sn_dataset_close(second);
    sn_dataset_close(third);
    sn_dataset_close(fourth);
}
END_TEST

// Whatever happens to the file, the data are right: it is made again.
START_TEST(damaged_cache) {
    static uint8_t bytes[1 << 15];
    char name[8][256];
    put_small(at("idx"));
    sn_data_options o = options(at("idx"), 1, 3, 4);
    sn_dataset *d = good(&o);
    ck_assert_int_eq(cache_files(name), 1);
    const char *path = strdup(at("cache/%s", name[0]));
    size_t n = get_file(path, bytes, sizeof bytes);
    ck_assert_uint_eq(n, 8192 + 8 * 12);
    for (size_t i = 0; i < n; i++) { // header, labels and pixels whole, of the empty parts between them some
        if (i >= 160 && i < 8192 && !(i >= 4096 && i < 4096 + 32) && i % 509) continue;
        bytes[i] ^= 1; // leaves most labels valid ones
        put_file(path, bytes, n);
        bytes[i] ^= 1;
        sn_dataset *e = good(&o);
        ck_assert_str_eq(sn_dataset_fingerprint(d), sn_dataset_fingerprint(e));
        for (uint32_t k = 0; k < 5; k++) {
            uint8_t pixels[12];
            ck_assert_int_eq(read_one(e, SN_TRAIN, k, pixels), small_labels[k]);
            for (size_t p = 0; p < 12; p++) ck_assert_uint_eq(pixels[p], idx_pixel(k, p));
        }
        sn_dataset_close(e);
    }
    for (size_t cut = 0; cut < n; cut += cut < 160 || cut > n - 40 ? 1 : 509) {
        put_file(path, bytes, cut);
        sn_dataset_close(good(&o));
    }
    bytes[n] = 0;
    put_file(path, bytes, n + 1);
    sn_dataset_close(good(&o));
    unlink(path); // nobody will ever write into this pipe
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    sn_dataset_close(good(&o));
    ck_assert_int_eq(cache_files(name), 1);
    sn_dataset_close(d);
    free((char *)path);
}
END_TEST

// A pipe in the cache's place would never answer; it is replaced as everything that is no cache.
START_TEST(pipe_for_a_cache) {
    char name[8][256];
    put_small(at("idx"));
    sn_data_options o = options(at("idx"), 1, 3, 4);
    sn_dataset_close(good(&o));
    ck_assert_int_eq(cache_files(name), 1);
    ck_assert_int_eq(unlink(at("cache/%s", name[0])), 0);
    ck_assert_int_eq(mkfifo(at("cache/%s", name[0]), 0666), 0);
    sn_dataset_close(good(&o));
}
END_TEST

START_TEST(cache_folder) {
    put_small(at("idx"));
    sn_data_options o = options(at("idx"), 1, 3, 4);
    setenv("XDG_CACHE_HOME", at("xdg"), 1);
    o.cache_dir = "";
    sn_dataset_close(good(&o));
    ck_assert(!access(at("xdg/supernet"), F_OK));
    unsetenv("XDG_CACHE_HOME");
    setenv("HOME", at("home"), 1);
    o.cache_dir = NULL;
    sn_dataset_close(good(&o));
    ck_assert(!access(at("home/.cache/supernet"), F_OK));
    unsetenv("HOME");
    refused(&o, SN_RESOURCE, "data.cache: no folder for the cache is named, and neither XDG_CACHE_HOME nor HOME is set");
    put_file(at("file"), "", 0);
    char folder[300];
    snprintf(folder, sizeof folder, "%s/file/cache", scratch);
    o.cache_dir = folder;
    refused(&o, SN_RESOURCE, "data.cache: folder %s cannot be made: Not a directory; name one that can be written", folder);
    if (geteuid()) { // root may write everywhere
        mkdir(at("locked"), 0555);
        snprintf(folder, sizeof folder, "%s/locked", scratch);
        o.cache_dir = folder;
        sn_dataset *d;
        ck_assert_int_eq(sn_dataset_open(&o, &d), SN_RESOURCE);
        ck_message("cannot be made: Permission denied");
    }
    mkdir(at("home"), 0777); // a home that cannot be written to, where a file system of one's own is allowed
    setenv("HOME", at("home"), 1);
    if (own_mounts() && !mount("tmpfs", at("home"), "tmpfs", MS_RDONLY, "size=64k")) {
        o.cache_dir = "";
        ck_assert_int_eq(sn_dataset_open(&o, &(sn_dataset *){NULL}), SN_RESOURCE);
        char expected[512];
        snprintf(expected, sizeof expected,
                 "data.cache: folder %s/home/.cache cannot be made: Read-only file system; name one that can be written",
                 scratch);
        ck_assert_str_eq(sn_error_text(), expected);
        ck_assert_int_eq(umount(at("home")), 0);
    }
}
END_TEST

static void check_full(const sn_data_options *o, const char *why) {
    char name[8][256];
    sn_dataset *d = NULL;
    ck_assert_int_eq(sn_dataset_open(o, &d), SN_RESOURCE);
    ck_assert_msg(strstr(sn_error_text(), "data.cache: writing ") && strstr(sn_error_text(), why), "%s", sn_error_text());
    ck_assert_int_eq(cache_files(name), 0);
}

START_TEST(disk_full) {
    put_idx(at("idx"), 200, 1, 32, 32, (uint8_t[201]){1});
    sn_data_options o = options(at("idx"), 1, 32, 32);
    struct rlimit before, limit;
    getrlimit(RLIMIT_FSIZE, &before);
    limit = before;
    limit.rlim_cur = 100000;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    check_full(&o, "File too large");
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    // A small file system of its own, where that is allowed.
    mkdir(at("cache"), 0777);
    if (own_mounts() && !mount("tmpfs", at("cache"), "tmpfs", 0, "size=64k")) {
        check_full(&o, "No space left on device");
        ck_assert_int_eq(umount(at("cache")), 0);
    }
    sn_dataset_close(good(&o));
}
END_TEST

START_TEST(at_once) {
    put_idx(at("idx"), 300, 100, 28, 28, (uint8_t[400]){1});
    sn_data_options o = options(at("idx"), 1, 28, 28);
    pid_t child[6];
    for (int i = 0; i < 6; i++)
        if (!(child[i] = fork())) {
            sn_dataset *d = NULL;
            if (sn_dataset_open(&o, &d) != SN_OK) _exit(1);
            uint8_t pixels[784];
            uint32_t last = 99;
            if (sn_dataset_read(d, SN_TEST, &last, 1, pixels, NULL) != SN_OK) _exit(2);
            _exit(pixels[783] == idx_pixel(399, 783) ? 0 : 3);
        }
    for (int i = 0; i < 6; i++) {
        int state = -1;
        ck_assert_int_eq(waitpid(child[i], &state, 0), child[i]);
        ck_assert_int_eq(state, 0);
    }
    cache_inode(); // one file, no temporaries
}
END_TEST

// What a killed process left behind is removed when the cache is next made, unless somebody may still be writing.
START_TEST(stale) {
    char name[8][256];
    put_small(at("idx"));
    sn_data_options o = options(at("idx"), 1, 3, 4);
    sn_dataset_close(good(&o));
    ck_assert_int_eq(cache_files(name), 1);
    char cache[256];
    snprintf(cache, sizeof cache, "%s", name[0]);
    unlink(at("cache/%s", cache));
    struct utimbuf old = {time(NULL) - 7200, time(NULL) - 7200};
    put_file(at("cache/.%s.1.tmp", cache), "x", 1);
    put_file(at("cache/.%s.2.tmp", cache), "x", 1);
    put_file(at("cache/.other.1.tmp"), "x", 1);
    utime(at("cache/.%s.1.tmp", cache), &old);
    utime(at("cache/.other.1.tmp"), &old);
    sn_dataset_close(good(&o));
    ck_assert_int_eq(cache_files(name), 3);
    ck_assert(access(at("cache/.%s.1.tmp", cache), F_OK) && !access(at("cache/.%s.2.tmp", cache), F_OK));
}
END_TEST

START_TEST(bad_options) {
    put_small(at("idx"));
    sn_data_options o = options(at("idx"), 1, 3, 4);
    o.source = at("absent");
    refused(&o, SN_DATA, "data.source: %s: No such file or directory", o.source);
    mkdir(at("empty"), 0777);
    o.source = at("empty");
    sn_dataset *d = NULL;
    ck_assert_int_eq(sn_dataset_open(&o, &d), SN_DATA);
    static const char *const looked[] = {"no known data set in it; looked for:",
                                         "train-images-idx3-ubyte",
                                         "data_batch_1.bin",
                                         "train.bin",
                                         "[train/]CLASS/",
                                         "/train/images",
                                         "tar.gz"};
    for (size_t i = 0; i < sizeof looked / sizeof *looked; i++) ck_message(looked[i]);
    put_file(at("text"), "hello", 5);
    o.source = at("text");
    ck_assert_int_eq(sn_dataset_open(&o, &d), SN_DATA);
    ck_message(looked[0]);

    o = options(at("idx"), 17, 3, 4);
    refused(&o, SN_CONFIG, "data: pictures of 17 channels: 1 to 16 are allowed");
    o = options(at("idx"), 1, 0, 4);
    refused(&o, SN_CONFIG, "data: pictures of 0x4: sides of 1 to 4096 are allowed");
    o = options(at("idx"), 1, 3, 4097);
    refused(&o, SN_CONFIG, "data: pictures of 3x4097: sides of 1 to 4096 are allowed");
    o = options(at("idx"), 1, 3, 4);
    o.store = 2;
    refused(&o, SN_CONFIG, "data.store: 2: 0, or from the shorter side of the pictures, 3, to 4096 is allowed");
    o.store = 4000;
    refused(&o, SN_CONFIG, "data.store: 4000: the longer side becomes more than 4096");
    o.store = 6;
    d = good(&o);
    ck_assert(sn_dataset_height(d) == 6 && sn_dataset_width(d) == 8);
    sn_dataset_close(d);
}
END_TEST

// A stop that was asked for before ends the decoding.
START_TEST(stopped) {
    volatile sig_atomic_t stop = 1;
    uint8_t *label = calloc(60001, 1);
    put_idx(at("idx"), 60000, 1, 28, 28, label);
    free(label);
    sn_data_options o = options(at("idx"), 1, 28, 28);
    o.stop = &stop;
    refused(&o, SN_INTERRUPTED, "%s: reading it was stopped", o.source);
    stop = 0;
    sn_dataset_close(good(&o));
    cache_inode();
}
END_TEST

int main(void) {
    Suite *s = suite_create("dataset");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, folder_make, folder_remove);
    tcase_add_test(t, idx);
    tcase_add_test(t, idx_gz);
    tcase_add_test(t, idx_bad);
    tcase_add_test(t, idx_cut);
    tcase_add_test(t, fashion_mnist);
    tcase_add_test(t, cifar);
    tcase_add_test(t, splits);
    tcase_add_test(t, held_for_test);
    tcase_add_test(t, fewer_images);
    tcase_add_test(t, statistics);
    tcase_add_test(t, epoch_order);
    tcase_add_test(t, streamed);
    tcase_add_test(t, changed_while_streamed);
    tcase_add_test(t, names_of_classes);
    tcase_add_test(t, pipe_for_a_cache);
    tcase_add_test(t, reused);
    tcase_add_test(t, damaged_cache);
    tcase_add_test(t, cache_folder);
    tcase_add_test(t, disk_full);
    tcase_add_test(t, at_once);
    tcase_add_test(t, stale);
    tcase_add_test(t, bad_options);
    tcase_add_test(t, stopped);
    suite_add_tcase(s, t);
    return run_suite(s);
}

// HDF5 files as data sets: layouts, packings, what is refused, and damage that crashes the library: only the child dies.
// Not here: our own HDF5 files.
// Next: test_child.c.
#include "datafiles.h"

#include <hdf5.h>

enum { H = 3, W = 4, C = 3, TRAIN = 10, TEST = 4 };

typedef struct { // how a file is written
    bool planar, grey, chunked, packed, variable_layout, val;
    const char *layout;             // attribute, or none
    hid_t label_type;               // of the file; 0: uint8
    int64_t bad_label;              // of training image 3, if not 0
    int lacking_labels;             // fewer than images
    hid_t image_type;               // 0: uint8
    void (*create)(hid_t property); // further properties of train/images
} how;

static uint8_t pixel(int i, int y, int x, int c) {
    return (uint8_t)(60 * c + 11 * y + 5 * x + i);
}

static hid_t properties(const how *o, int ranks, const hsize_t *size) {
    hid_t p = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_obj_track_times(p, false);
    if (o->chunked) {
        hsize_t chunk[4] = {3, size[1], size[2], ranks == 4 ? 2 : 0}; // does not divide the sizes
        if (chunk[3] > size[3]) chunk[3] = size[3];
        H5Pset_chunk(p, ranks, chunk);
    }
    if (o->packed) {
        H5Pset_shuffle(p);
        H5Pset_deflate(p, 6);
        H5Pset_fletcher32(p);
    }
    return p;
}

static void put_layout(hid_t set, const how *o) {
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(type, o->variable_layout ? H5T_VARIABLE : strlen(o->layout));
    hid_t a = H5Acreate2(set, "layout", type, space, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert_int_ge(H5Awrite(a, type, o->variable_layout ? (const void *)&o->layout : o->layout), 0);
    H5Aclose(a);
    H5Sclose(space);
    H5Tclose(type);
}

static void put_part(hid_t file, const char *name, int n, int first, const how *o) {
    int channels = o->grey ? 1 : C, ranks = o->grey ? 3 : 4;
    hsize_t size[4] = {(hsize_t)n, H, W, (hsize_t)channels};
    if (o->planar) size[1] = (hsize_t)channels, size[2] = H, size[3] = W;
    uint8_t pixels[TRAIN * H * W * C];
    int64_t label[TRAIN];
    for (int i = 0; i < n; i++) {
        label[i] = (first + i) % 3;
        for (int y = 0; y < H; y++)
            for (int x = 0; x < W; x++)
                for (int c = 0; c < channels; c++)
                    pixels[o->planar ? ((i * channels + c) * H + y) * W + x : ((i * H + y) * W + x) * channels + c] =
                        pixel(first + i, y, x, c);
    }
    if (o->bad_label && !first) label[3] = o->bad_label;
    hid_t group = H5Gcreate2(file, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), space = H5Screate_simple(ranks, size, NULL);
    hid_t made = properties(o, ranks, size);
    if (o->create && !first) o->create(made);
    hid_t set = H5Dcreate2(group, "images", o->image_type ? o->image_type : H5T_STD_U8LE, space, H5P_DEFAULT, made, H5P_DEFAULT);
    ck_assert_int_ge(set, 0);
    ck_assert_int_ge(H5Dwrite(set, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, pixels), 0);
    if (o->layout) put_layout(set, o);
    H5Dclose(set);
    H5Pclose(made);
    H5Sclose(space);
    size[0] -= (hsize_t)o->lacking_labels;
    space = H5Screate_simple(1, size, NULL);
    set = H5Dcreate2(group, "labels", o->label_type ? o->label_type : H5T_STD_U8LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert_int_ge(H5Dwrite(set, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, label), 0);
    H5Dclose(set);
    H5Sclose(space);
    H5Gclose(group);
}

static void put_h5(const char *path, const how *o) {
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    make_parents(path);
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert_int_ge(file, 0);
    put_part(file, "train", TRAIN, 0, o);
    if (o->val) put_part(file, "val", 5, TRAIN + TEST, o);
    put_part(file, "test", TEST, TRAIN, o);
    H5Fclose(file);
}

START_TEST(layouts) {
    static char print[33];
    const how kinds[] = {
        {0},
        {.layout = "NHWC"},
        {.planar = true, .layout = "NCHW"},
        {.planar = true, .layout = "NCHW", .variable_layout = true, .chunked = true},
        {.chunked = true},
        {.chunked = true, .packed = true, .label_type = H5T_STD_I64BE},
        {.label_type = H5T_STD_U16BE},
        {.label_type = H5T_STD_I32LE, .chunked = true, .packed = true, .layout = "NHWC", .variable_layout = true}};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        put_h5(at("%zu.h5", k), &kinds[k]);
        sn_data_options o = options(at("%zu.h5", k), C, H, W);
        sn_dataset *d = good(&o);
        ck_assert(sn_dataset_count(d, SN_TRAIN) == TRAIN && sn_dataset_count(d, SN_TEST) == TEST && sn_dataset_classes(d) == 3);
        for (int i = 0; i < TRAIN + TEST; i++) {
            uint8_t found[H * W * C];
            ck_assert_int_eq(read_one(d, i < TRAIN ? SN_TRAIN : SN_TEST, (uint32_t)(i < TRAIN ? i : i - TRAIN), found), i % 3);
            for (int p = 0; p < H * W * C; p++) ck_assert_int_eq(found[p], pixel(i, p / (W * C), p / C % W, p % C));
        }
        if (!k) memcpy(print, sn_dataset_fingerprint(d), 33);
        ck_assert_str_eq(print, sn_dataset_fingerprint(d));
        sn_dataset_close(d);
    }
    put_h5(at("grey.h5"), &(how){.grey = true, .chunked = true, .val = true});
    sn_data_options o = options(at("grey.h5"), 1, H, W);
    sn_dataset *d = good(&o);
    ck_assert(sn_dataset_count(d, SN_TRAIN) == TRAIN && sn_dataset_count(d, SN_VALIDATION) == 5 &&
              sn_dataset_count(d, SN_TEST) == TEST);
    uint8_t found[H * W];
    for (uint32_t i = 0; i < 5; i++) {
        uint32_t id = sn_dataset_sample_id(d, SN_VALIDATION, i); // after train, before test
        ck_assert(id >= TRAIN && id < TRAIN + 5);
        ck_assert_int_eq(read_one(d, SN_VALIDATION, i, found), (int)((id + TEST) % 3));
        ck_assert_int_eq(found[5], pixel((int)id + TEST, 1, 1, 0));
    }
    sn_dataset_close(d);
}
END_TEST

static void external(hid_t p) {
    H5Pset_external(p, "/tmp/sn_outside_of_the_file", 0, H5F_UNLIMITED);
}
static void compact(hid_t p) {
    H5Pset_layout(p, H5D_COMPACT);
}
static void other_filter(hid_t p) {
    hsize_t chunk[4] = {2, H, W, C};
    H5Pset_chunk(p, 4, chunk);
    H5Pset_nbit(p);
}

START_TEST(refusals) {
    static const struct {
        how o;
        const char *message;
    } bad[] = {
        {{.create = external}, "/train/images: stored in other files: that is not read"},
        {{.create = compact}, "/train/images: found a compact data set; allowed are contiguous and chunked ones"},
        {{.create = other_filter}, "/train/images: packed by filter 5: only deflate, shuffle and Fletcher32 are read"},
        {{.layout = "HWNC"}, "/train/images: attribute layout: found 'HWNC'; allowed are the texts NHWC and NCHW"},
        {{.layout = "NCHW and much more text"},
         "/train/images: attribute layout: found another value; allowed are the texts NHWC and NCHW"},
        {{.layout = "", .variable_layout = true},
         "/train/images: attribute layout: found another value; allowed are the texts NHWC and NCHW"},
        {{.bad_label = -1, .label_type = -1}, "/train/labels: label -1 of image 3: 0 to 65534 are allowed"},
        {{.bad_label = 65535, .label_type = -1}, "/train/labels: label 65535 of image 3: 0 to 65534 are allowed"},
        {{.lacking_labels = 1}, "/train/labels has 9 labels, but /train/images has 10 images"},
        {{.image_type = -1}, "/train/images: found uint16 of sizes 10x3x4x3; needed are numbers of uint8"},
        {{.image_type = -2}, "/train/images: found float32 of sizes 10x3x4x3; needed are numbers of uint8"},
        {{.image_type = -3}, "/train/images: found int8 of sizes 10x3x4x3; needed are numbers of uint8"},
        {{.label_type = -2}, "/train/labels: found float64 of size 10; needed are integers of one size (N)"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        how o = bad[i].o;
        if (o.label_type) o.label_type = o.label_type == -1 ? H5T_STD_I64LE : H5T_IEEE_F64BE; // no constants
        if (o.image_type) o.image_type = o.image_type == -1 ? H5T_STD_U16LE : o.image_type == -2 ? H5T_IEEE_F32LE : H5T_STD_I8LE;
        put_h5(at("%zu.h5", i), &o);
        sn_data_options d = options(at("%zu.h5", i), C, H, W);
        refused(&d, SN_DATA, "%s: %s", d.source, bad[i].message);
    }
    unlink("/tmp/sn_outside_of_the_file");

    put_h5(at("test.h5"), &(how){0}); // a label that training has not
    sn_data_options d = options(at("test.h5"), C, H, W);
    hid_t file = H5Fopen(d.source, H5F_ACC_RDWR, H5P_DEFAULT), set = H5Dopen2(file, "/test/labels", H5P_DEFAULT);
    uint8_t labels[TEST] = {0, 1, 9, 2};
    H5Dwrite(set, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, labels);
    H5Dclose(set);
    H5Fclose(file);
    refused(&d, SN_DATA, "%s: /test/labels: label 9, but those of training go up to 2", d.source);
    put_h5(at("test.h5"), &(how){0});
    d.channels = 2;
    refused(&d, SN_DATA, "%s: /train/images: image 0: 3 channels where 2 are wanted: only grey (1) and RGB (3) are converted",
            d.source);
}
END_TEST

// Sizes that only exist on paper are refused before memory is taken.
static void put_sized(const char *path, int ranks, const hsize_t *size, const hsize_t *chunk) {
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t group = H5Gcreate2(file, "train", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), p = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(p, ranks, chunk);
    hid_t space = H5Screate_simple(ranks, size, NULL);
    hid_t set = H5Dcreate2(group, "images", H5T_STD_U8LE, space, H5P_DEFAULT, p, H5P_DEFAULT);
    ck_assert_int_ge(set, 0);
    H5Dclose(set);
    H5Sclose(space);
    H5Pset_chunk(p, 1, (hsize_t[]){size[0] < 1 << 20 && size[0] ? size[0] : 1 << 20});
    space = H5Screate_simple(1, size, NULL);
    set = H5Dcreate2(group, "labels", H5T_STD_U8LE, space, H5P_DEFAULT, size[0] ? p : H5P_DEFAULT, H5P_DEFAULT);
    ck_assert_int_ge(set, 0);
    H5Dclose(set);
    H5Sclose(space);
    H5Pclose(p);
    H5Gclose(group);
    H5Fclose(file);
}

START_TEST(bombs) {
    sn_data_options o = options(at("x.h5"), 3, 32, 32);
    const char *s = o.source;
    put_sized(s, 4, (hsize_t[]){10, 8192, 32, 3}, (hsize_t[]){1, 8192, 32, 3});
    refused(&o, SN_DATA, "%s: /train/images: images of 8192x32x3: sides of 1 to 4096 and 1 to 16 channels are allowed", s);
    put_sized(s, 4, (hsize_t[]){10, 32, 32, 17}, (hsize_t[]){1, 32, 32, 17});
    refused(&o, SN_DATA, "%s: /train/images: images of 32x32x17: sides of 1 to 4096 and 1 to 16 channels are allowed", s);
    put_sized(s, 4, (hsize_t[]){1 << 20, 32, 32, 3}, (hsize_t[]){1 << 17, 32, 32, 3});
    refused(&o, SN_DATA, "%s: /train/images: found chunks of 402653184 values; at most 256 MiB are allowed", s);
    put_sized(s, 4, (hsize_t[]){1ull << 40, 32, 32, 3}, (hsize_t[]){1, 32, 32, 3});
    refused(&o, SN_DATA, "%s: /train/labels: more than 2^31 - 1 of them", s);
    put_sized(s, 4, (hsize_t[]){30000000, 1, 1, 3}, (hsize_t[]){1 << 10, 1, 1, 3});
    refused(&o, SN_DATA, "%s: 30000000 + 0 + 0 images of 32x32x3 bytes: at most 64 GiB and 2^31 images are allowed", s);
    put_sized(s, 2, (hsize_t[]){10, 32}, (hsize_t[]){1, 32});
    refused(&o, SN_DATA, "%s: /train/images: found uint8 of sizes 10x32; needed are 3 sizes (N, H, W) or 4 (N, H, W, C)", s);
    put_sized(s, 4, (hsize_t[]){0, 32, 32, 3}, (hsize_t[]){1, 32, 32, 3});
    refused(&o, SN_DATA, "%s: no training images", s);
}
END_TEST

// Whatever would lead out of the file is refused.
START_TEST(links) {
    put_h5(at("other.h5"), &(how){0});
    sn_data_options o = options(at("x.h5"), C, H, W);
    const char *s = o.source;
    for (int kind = 0; kind < 6; kind++) {
        put_h5(s, &(how){0});
        hid_t file = H5Fopen(s, H5F_ACC_RDWR, H5P_DEFAULT);
        const char *path = kind < 4 ? "/train/images" : "/train";
        H5Ldelete(file, path, H5P_DEFAULT);
        if (kind == 1) H5Lcreate_soft("/test/images", file, path, H5P_DEFAULT, H5P_DEFAULT);
        if (kind == 2 || kind == 5) H5Lcreate_external(at("other.h5"), path, file, path, H5P_DEFAULT, H5P_DEFAULT);
        if (kind == 3) { // virtual
            hid_t p = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(4, (hsize_t[]){TRAIN, H, W, C}, NULL);
            ck_assert_int_ge(H5Pset_virtual(p, space, at("other.h5"), "/train/images", space), 0);
            hid_t set = H5Dcreate2(file, path, H5T_STD_U8LE, space, H5P_DEFAULT, p, H5P_DEFAULT);
            ck_assert_int_ge(set, 0);
            H5Dclose(set);
            H5Sclose(space);
            H5Pclose(p);
        }
        H5Fclose(file);
        if (kind == 3)
            refused(&o, SN_DATA, "%s: /train/images: found a virtual data set; allowed are contiguous and chunked ones", s);
        else if (kind < 4)
            refused(&o, SN_DATA, "%s: /train/images: absent, or a link that is not hard", s);
        else
            refused(&o, SN_DATA, kind == 4 ? "%s: /train: absent" : "%s: /train: a link that is not hard, or damaged", s);
    }
    put_h5(s, &(how){0});
    hid_t file = H5Fopen(s, H5F_ACC_RDWR, H5P_DEFAULT);
    H5Ldelete(file, "/train/images", H5P_DEFAULT);
    H5Gclose(H5Gcreate2(file, "/train/images", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Fclose(file);
    refused(&o, SN_DATA, "%s: /train/images: found a group; needed is a data set", s);
}
END_TEST

// Eight bytes of 0xFF at many places, and every kind of cut: the library may crash, we may not.
START_TEST(damaged) {
    static uint8_t bytes[1 << 16];
    put_h5(at("x.h5"), &(how){0});
    sn_data_options o = options(at("x.h5"), C, H, W);
    size_t n = get_file(at("x.h5"), bytes, sizeof bytes);
    int opened = 0, closed = 0, crashed = 0;
    unsigned version[3];
    for (size_t i = 0; i + 8 <= n; i += i < 900 ? 8 : 13) {
        uint8_t kept[8];
        memcpy(kept, bytes + i, 8);
        memset(bytes + i, 0xff, 8);
        put_file(at("x.h5"), bytes, n);
        memcpy(bytes + i, kept, 8);
        if (survives(&o)) {
            opened++;
            continue;
        }
        closed++;
        crashed +=
            strstr(sn_error_text(), ": its reader crashed") || strstr(sn_error_text(), ": its reader ended"); // sanitizers exit
    }
    H5get_libversion(&version[0], &version[1], &version[2]);
    ck_assert(opened && closed);
    ck_assert(crashed || version[0] != 1 || version[1] != 10 ||
              version[2] != 8); // that one is known to: the test tests something
    for (size_t cut = 0; cut < n; cut += 53) {
        put_file(at("x.h5"), bytes, cut);
        ck_assert_msg(!survives(&o), "cut at %zu of %zu", cut, n);
    }
    put_file(at("x.h5"), bytes, n);
    ck_assert(survives(&o));
}
END_TEST

int main(void) {
    Suite *s = suite_create("hdf5data");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 300);
    tcase_add_checked_fixture(t, folder_make, folder_remove);
    tcase_add_test(t, layouts);
    tcase_add_test(t, refusals);
    tcase_add_test(t, bombs);
    tcase_add_test(t, links);
    tcase_add_test(t, damaged);
    suite_add_tcase(s, t);
    return run_suite(s);
}

/* The row of PyTorch's files: telling their forms apart.
 *
 *     zip        "PK\3\4", with a member data.pkl: its name stands in the first local header or in the directory at the
 *                end of the file
 *     pickle     0x80 and a protocol of 2 to 5: the legacy form, or a pickle that torch did not write
 *     tar        the form of 2016, which is refused
 */
#include "base/error.h"
#include "format/torch/torch_file.h"

#include <string.h>

enum { HEAD = 4096, TAIL = 1 << 20, TAR_MAGIC = 257 };

static bool is_zip(const unsigned char *bytes, size_t size) {
    return size >= 4 && memcmp(bytes, "PK\3\4", 4) == 0;
}

static bool is_tar(const unsigned char *bytes, size_t size) {
    return size >= 512 && memcmp(bytes + TAR_MAGIC, "ustar", 5) == 0;
}

static bool is_pickle(const unsigned char *bytes, size_t size) {
    return size >= 2 && bytes[0] == 0x80 && bytes[1] >= 2 && bytes[1] <= 5;
}

static bool holds(const unsigned char *bytes, size_t size, const char *text) {
    size_t length = strlen(text);
    for (size_t i = 0; i + length <= size; i++) {
        const unsigned char *at = memchr(bytes + i, text[0], size - length - i + 1);
        if (!at) return false;
        if (memcmp(at, text, length) == 0) return true;
        i = (size_t)(at - bytes);
    }
    return false;
}

static bool recognise(const unsigned char *bytes, size_t size) {
    if (is_pickle(bytes, size)) return true;
    if (is_tar(bytes, size)) return holds(bytes, 100, "storages") || holds(bytes, 100, "pickle");
    if (!is_zip(bytes, size)) return false;
    size_t tail = size < TAIL ? size : TAIL;
    return holds(bytes, size < HEAD ? size : HEAD, "data.pkl") || holds(bytes + size - tail, tail, "data.pkl");
}

static ath_status read_file(const char *path, struct ath__tensor_owner *owner, ath_tensor_file *file, ath_error *err) {
    const unsigned char *bytes = owner->mapping.data;
    size_t               size = owner->mapping.size;
    if (is_zip(bytes, size)) return ath__torch_zip_read(path, owner, file, err);
    if (is_pickle(bytes, size)) return ath__torch_legacy_read(path, owner, file, err);
    return ath__fail(err, ATH_DATA, path, "this PyTorch file is of the form of 2016; load and save it anew");
}

const struct ath__tensor_format ath__tensor_format_pytorch = {
    .name = "pytorch",
    .summary =
        "PyTorch's .pth, .pt and .th: a pickled state_dict or net, in a zip or in the form before 1.6; never executed",
    .endings = "pth pt th",
    .recognise = recognise,
    .read = read_file,
    .write = ath__torch_write,
};

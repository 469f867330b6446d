/* Digests and checksums against the answers that their documents publish: FIPS 180-4 examples, RFC 1321 appendix A.5,
 * RFC 3720 appendix B.4. */
#include "base/crc32c.h"
#include "base/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void check(const struct ath__digest_kind *kind, const char *message, const char *expected) {
    char text[ATH_DIGEST_TEXT];
    ath__digest_text(kind, message, strlen(message), text);
    assert_string_equal(text, expected);
}

static void test_sha256(void **state) {
    (void)state;
    check(&ath__sha256, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check(&ath__sha256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    check(&ath__sha256, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void test_md5(void **state) {
    (void)state;
    check(&ath__md5, "", "d41d8cd98f00b204e9800998ecf8427e");
    check(&ath__md5, "a", "0cc175b9c0f1b6a831c399e269772661");
    check(&ath__md5, "abc", "900150983cd24fb0d6963f7d28e17f72");
    check(&ath__md5, "message digest", "f96b697d7cb7938d525a2f31aaf161d0");
    check(&ath__md5, "abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b");
    check(&ath__md5, "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
          "57edf4a22be3c955ac49da2e2107b67a");
}

/* A million times "a" (FIPS 180-4's third example), in pieces of every awkward size. */
static void test_pieces(void **state) {
    (void)state;
    static char piece[200];
    memset(piece, 'a', sizeof piece);
    struct ath__digest digest;
    size_t             left = 1000000;
    ath__digest_start(&digest, &ath__sha256);
    for (size_t size = 0; left > 0; size = (size + 1) % 200) {
        size_t part = size < left ? size : left;
        ath__digest_add(&digest, piece, part);
        left -= part;
    }
    char text[ATH_DIGEST_TEXT];
    ath__digest_end(&digest, text);
    assert_string_equal(text, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void test_crc32c(void **state) {
    (void)state;
    unsigned char bytes[32] = {0};
    assert_int_equal(ath__crc32c(0, bytes, 32), 0x8a9136aa);
    memset(bytes, 0xFF, sizeof bytes);
    assert_int_equal(ath__crc32c(0, bytes, 32), 0x62a8ab43);
    for (int i = 0; i < 32; i++) bytes[i] = (unsigned char)i;
    assert_int_equal(ath__crc32c(0, bytes, 32), 0x46dd794e);
    for (int i = 0; i < 32; i++) bytes[i] = (unsigned char)(31 - i);
    assert_int_equal(ath__crc32c(0, bytes, 32), 0x113fdb5c);
    assert_int_equal(ath__crc32c(0, "123456789", 9), 0xe3069283);
    assert_int_equal(ath__crc32c(ath__crc32c(0, "1234", 4), "56789", 5), 0xe3069283);
    /* mask(c) = ((c >> 15) | (c << 17)) + 0xa282ead8, worked out by hand for 0xe3069283. */
    assert_int_equal(ath__crc32c_masked("123456789", 9), (uint32_t)(0x2507c60dull + 0xa282ead8ull));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha256),
        cmocka_unit_test(test_md5),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_crc32c),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

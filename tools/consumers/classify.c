/* classify PICTURES ANSWERS: a written network over a file of pictures; the results one after another, as floats. */
#include "net.h"

#include <stdio.h>

int main(int argc, char **argv) {
    static unsigned char picture[NET_HEIGHT * NET_WIDTH * NET_CHANNELS];
    static float         result[NET_CLASSES];
    FILE                *in = argc == 3 ? fopen(argv[1], "rb") : NULL, *out = argc == 3 ? fopen(argv[2], "wb") : NULL;
    if (!in || !out) return 1;
    while (fread(picture, sizeof picture, 1, in) == 1) {
        net_predict(picture, result);
        if (fwrite(result, sizeof result, 1, out) != 1) return 1;
    }
    return fclose(out) == 0 && fclose(in) == 0 ? 0 : 1;
}

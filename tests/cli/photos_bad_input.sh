#!/usr/bin/env bash
# Photos that are broken, enormous, not there, or no photos at all, and folders of every wrong shape: each is one clear
# message with its file's name, costs memory in proportion to what is wanted and not to what the file announces, and never
# waits. Works as root too, whom permissions do not stop.
set -uo pipefail

athanor=${ATHANOR_BIN:?}
failures=0
fault() {
    failures=$((failures + 1))
    echo "FAILED: $*"
    tail -n 5 stdout stderr 2>/dev/null
}
# Watches a command's memory: exit code 99 where it ever held more MiB than the first argument says.
cat >within.py <<'END'
import resource, subprocess, sys
code = subprocess.run(sys.argv[2:]).returncode
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
if peak > int(sys.argv[1]):
    sys.stderr.write(f'it held {peak} MiB of memory\n')
    sys.exit(99)
sys.exit(code)
END
most=200 # MiB: a fifth is the program itself
# expect NAME CODE PATTERN COMMAND...: exit code and message; an answer within two minutes, whatever is read, and within
# $most MiB of memory.
expect() {
    local name=$1 code=$2 pattern=$3 got
    shift 3
    timeout 120 python3 within.py "$most" "$@" >stdout 2>stderr </dev/null
    got=$?
    [ "$got" -eq "$code" ] || fault "$name: exit code $got instead of $code"
    grep -Eq -- "$pattern" stdout stderr || fault "$name: nothing matches '$pattern'"
}
# ---- a set that is good, and a net for it -------------------------------------------------------------------------
python3 - <<'END' || exit 1
import os
for part, count in (('train', 16), ('val', 4)):
    for number, name in enumerate(('across', 'down')):
        os.makedirs(f'set/{part}/{name}')
        for k in range(count):
            rows = bytearray()
            for y in range(32):
                for x in range(32):
                    on = ((y, x)[number] + k) // 4 % 2
                    rows += bytes((200 if on else 20, 90 + k, 60 if part == 'val' else 80))
            with open(f'set/{part}/{name}/{k}.ppm', 'wb') as f:
                f.write(b'P6\n32 32\n255\n' + rows)
END
train=("$athanor" train model=lenet5 data=set resize=32 normalize=half batch=16 epochs=1 threads=1 overwrite=true)
expect "a good set" 0 "top-1" "${train[@]}" out=run
predict=("$athanor" predict run=run)

# ---- files -----------------------------------------------------------------------------------------------------------
# Real encodings without an encoder: one-colour images whose data are a few bits a block, and beginnings of them.
python3 - <<'END' || exit 1
import struct, zlib

def jpeg(side):
    """Grey; every block is "no difference to the last one, nothing else": two bits, both zero."""
    def segment(code, data):
        return struct.pack('>BBH', 255, code, len(data) + 2) + data
    table = lambda kind: segment(0xc4, bytes([kind, 1] + [0] * 15 + [0])) # one code of one bit, for 0
    frame = segment(0xc0, struct.pack('>BHHB3B', 8, side, side, 1, 1, 0x11, 0))
    blocks = ((side + 7) // 8) ** 2
    return (b'\xff\xd8' + segment(0xdb, bytes([0] + [16] * 64)) + frame + table(0x00) + table(0x10) +
            segment(0xda, bytes([1, 1, 0, 0, 63, 0])) + bytes((blocks * 2 + 7) // 8) + b'\xff\xd9')

def png(side, interlace=0):
    def chunk(name, data):
        return struct.pack('>I', len(data)) + name + data + struct.pack('>I', zlib.crc32(name + data))
    packer, rows = zlib.compressobj(1), bytes(1 + (side + 7) // 8)
    data = b''.join(packer.compress(rows) for _ in range(side)) + packer.flush()
    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', side, side, 1, 0, 0, 0, interlace)) +
            chunk(b'IDAT', data) + chunk(b'IEND', b''))

def gif(side):
    """Code n stands for n - 4 pixels of colour 0: the table grows by one pixel a code until it is full."""
    left, bits, count, out = side * side, 0, 0, bytearray()
    def put(code, width):
        nonlocal bits, count
        bits |= code << count
        count += width
        while count >= 8:
            out.append(bits & 255)
            bits >>= 8
            count -= 8
    width, code = 3, 5
    put(4, 3)
    while left > 0:
        if code == 5: put(0, width); left -= 1; code = 6; continue
        run = min(code - 4, left)
        put(code if run == code - 4 else run + 4 if run > 1 else 0, width)
        left -= run
        code += 1
        if code == 1 << width and width < 12: width += 1
        if code == 4096: put(4, width); width, code = 3, 5
    put(5, width)
    put(0, 8)
    blocks = b''.join(bytes([len(out[i:i + 255])]) + bytes(out[i:i + 255]) for i in range(0, len(out), 255))
    return (b'GIF89a' + struct.pack('<HHBBB', side, side, 0x80, 0, 0) + bytes(6) + b',' +
            struct.pack('<HHHHB', 0, 0, side, side, 0) + b'\x02' + blocks + b'\0;')

def webp(side):
    """Lossless; each of the five codes has one symbol, so a pixel takes no bits at all."""
    bits, at = 0, 0
    for value, width in ((0x2f, 8), (side - 1, 14), (side - 1, 14), (0, 4), (0, 3)) + ((1, 4),) * 5:
        bits |= value << at
        at += width
    data = bits.to_bytes((at + 7) // 8 + 1, 'little')
    data += bytes(len(data) % 2)
    return b'RIFF' + struct.pack('<I', len(data) + 12) + b'WEBPVP8L' + struct.pack('<I', len(data)) + data

def bmp(path, side):
    row = (side + 31) // 32 * 4
    with open(path, 'wb') as f:
        f.write(struct.pack('<2sIHHI', b'BM', 62 + row * side, 0, 0, 62) +
                struct.pack('<IiiHHIIiiII', 40, side, side, 1, 1, 0, row * side, 0, 0, 2, 2) + bytes(8))
        f.truncate(62 + row * side)

def write(path, data):
    with open(path, 'wb') as f: f.write(data)

for size, side in (('one', 1), ('some', 100), ('huge', 20000)):
    write(size + '.jpg', jpeg(side))
    write(size + '.png', png(side))
    write(size + '.gif', gif(side))
    write(size + '.webp', webp(min(side, 16383)))
    bmp(size + '.bmp', side)
write('cut.jpg', jpeg(1000)[:2000])
write('cut.png', png(1000)[:100])
write('cut.gif', gif(100)[:60])
write('cut.webp', webp(100)[:24])
write('cut.bmp', open('some.bmp', 'rb').read()[:500])
write('wide.jpg', jpeg(64).replace(struct.pack('>HH', 64, 64), struct.pack('>HH', 64, 65535)))
END
for kind in jpg png gif webp bmp; do
    expect "1x1 $kind" 0 "one.$kind" "${predict[@]}" one.$kind
    expect "100x100 $kind" 0 "some.$kind" "${predict[@]}" some.$kind
    expect "cut $kind" 3 "cut.$kind.*(truncated|ends|short|broken)" "${predict[@]}" cut.$kind
done
# 400 million pixels, 1.2 GB as colour: a JPEG is decoded at an eighth of its sides; of others no memory is taken.
expect "20,000x20,000 jpg" 0 "huge.jpg.*%" "${predict[@]}" huge.jpg
for kind in png gif bmp; do
    expect "20,000x20,000 $kind" 3 "huge.$kind.*20000 x 20000 pixels.*make it smaller" "${predict[@]}" huge.$kind
done
expect "16,383x16,383 webp of 40 bytes" 3 "huge.webp.*(short|smaller)" "${predict[@]}" huge.webp
expect "64 rows of 65,535 that are not there" 3 "wide.jpg" "${predict[@]}" wide.jpg
printf 'P6\n20000 20000\n255\n' >huge.ppm
expect "20,000x20,000 ppm" 3 "huge.ppm" "${predict[@]}" huge.ppm
: >empty.jpg
expect "an empty file" 3 "empty.jpg.*empty" "${predict[@]}" empty.jpg
echo "just words" >words.jpg
expect "a text called .jpg" 3 "words.jpg.*no image" "${predict[@]}" words.jpg
ln -s nowhere.png dangling.jpg
expect "a link to nothing" 3 "dangling.jpg.*link to a file that is not there" "${predict[@]}" dangling.jpg
ln -s round.jpg round.jpg
expect "a link to itself" 3 "round.jpg.*symbolic links" "${predict[@]}" round.jpg
mkfifo pipe.jpg
expect "a pipe" 3 "pipe.jpg.*not a plain file" "${predict[@]}" pipe.jpg
expect "a device" 3 "/dev/zero.*not a plain file" "${predict[@]}" /dev/zero
mkdir folder.jpg
expect "a folder called .jpg, with nothing in it" 3 "folder.jpg.*no images" "${predict[@]}" folder.jpg
expect "a path that is too long" 3 "too long|name too long" "${predict[@]}" "$(printf 'x%.0s' {1..5000}).jpg"

# ---- names -----------------------------------------------------------------------------------------------------------
newline=$'two\nlines.ppm' latin=$'caf\xe9.ppm'
cp set/val/down/0.ppm "$newline" && cp set/val/down/0.ppm "$latin" && cp set/val/down/0.ppm '花 .ppm'
expect "odd names" 0 "花" "${predict[@]}" "$newline" "$latin" '花 .ppm' --json
python3 - <<'END' || fault "odd names: not three objects, one a line"
import json
lines = open('stdout', encoding='utf-8').read().splitlines()
assert len(lines) == 3 and all('class' in json.loads(line) for line in lines), lines
assert json.loads(lines[0])['path'] == 'two\nlines.ppm'
END
expect "odd names as text" 0 "花" "${predict[@]}" "$newline" "$latin" '花 .ppm'
[ "$(wc -l <stdout)" -eq 3 ] || fault "odd names as text: not three lines"
expect "an odd name that is not there" 3 "no file" "${predict[@]}" $'no\nsuch\xff.jpg'
[ "$(grep -c . stderr)" -le 3 ] || fault "an odd name that is not there: its message breaks the line"

# ---- folders of classes ----------------------------------------------------------------------------------------------
fresh() { rm -rf bad && cp -r set bad; }
check() { expect "$1, in data check" "$2" "$3" "$athanor" data check bad; }
stops() { # NAME PATTERN: training on bad/ stops, with the file's name; leaving it out, it goes on
    expect "$1, in training" 3 "$2" "${train[@]}" out=stopped data=bad
    expect "$1, left out" 0 "are left out|1 files? (is|are) no image" "${train[@]}" out=skipped data=bad bad_images=skip
    check "$1" 3 "$2"
}
for file in words.jpg empty.jpg cut.jpg pipe.jpg dangling.jpg round.jpg; do
    fresh && cp -a $file bad/train/down/ # -a: pipes and links as they are
    stops "$file" "$file"
done
fresh && cp huge.jpg bad/train/down/
expect "a huge JPEG in training" 0 "top-1" "${train[@]}" out=huge data=bad
expect "a huge JPEG in data check" 0 "" "$athanor" data check bad
fresh && cp huge.png bad/train/down/
stops "a huge PNG" "huge.png.*make it smaller"
fresh && ln -s . bad/train/down/again
check "a link back to its own folder" 3 "again.*(link|deep)"
expect "a link back, in training" 3 "again.*(link|deep)" "${train[@]}" out=none data=bad
fresh && ln -s loop bad/train/loop
expect "a class that is a link to itself" 0 "" "$athanor" data check bad
fresh && mkdir bad/train/folder.jpg bad/train/down/folder.jpg
expect "an empty folder called .jpg" 0 "'folder.jpg' is a folder that is empty" "$athanor" data check bad
fresh && mkdir bad/train/empty bad/val/late && cp set/val/down/0.ppm bad/val/late/
check "an empty class, one only in val" 0 "'late' has validation photos but no training photos"
grep -q "'empty' is a folder that is empty" stdout stderr || fault "an empty class is not told"
fresh && rm -rf bad/train/down bad/val/down
expect "one class" 3 "only one class, 'across'.*two or more" "${train[@]}" out=none data=bad
fresh && cp -r bad/train/down bad/train/Down
check "names that differ only in case" 0 "'Down' and 'down' differ only in case"
fresh && mv bad/train/down bad/train/$'do\nwn'
expect "a class with a newline" 3 'do.*wn.*cannot be the name of a class' "${train[@]}" out=none data=bad
fresh && mv bad/train/down bad/train/$'do\xffwn'
expect "a class that is no UTF-8" 3 'cannot be the name of a class: it must be UTF-8' "${train[@]}" out=none data=bad
fresh && cp set/val/down/0.ppm bad/train/down/"$newline" && cp set/val/down/0.ppm bad/train/down/"$latin"
expect "photos of odd names" 0 "top-1" "${train[@]}" out=odd data=bad
rm -rf bad && mkdir -p bad/train bad/val
expect "no photos" 3 "no data set|no photos" "${train[@]}" out=none data=bad
if [ "$(id -u)" -ne 0 ]; then
    fresh && chmod 0 bad/train/down/0.ppm
    stops "a file that may not be read" "0.ppm.*Permission denied"
    fresh && chmod 0 bad/train/down
    check "a folder that may not be read" 3 "down.*Permission denied"
    chmod 755 bad/train/down
fi
[ ! -e none ] || fault "a refused run left a folder behind"

# ---- thousands of classes ----------------------------------------------------------------------------------------------
python3 - <<'END' || exit 1
import os
for part in 'train', 'val':
    for c in range(3000):
        os.makedirs(f'many/{part}/class {c:04}')
        with open(f'many/{part}/class {c:04}/photo.pgm', 'wb') as f:
            f.write(b'P5\n28 28\n255\n' + bytes((c * k >> 5) & 255 for k in range(784)))
END
expect "3,000 classes" 0 "3,?000 classes" "$athanor" data check many data.channels=1
most=1000
expect "3,000 classes, trained" 0 "top-1" "$athanor" train model=lenet5 data=many data.channels=1 resize=28 batch=100 \
    epochs=1 out=many-run threads=1
expect "3,000 classes, predicted" 0 "class 0007" "$athanor" predict run=many-run 'many/val/class 0007' --json

[ "$failures" -eq 0 ] || exit 1
echo "photos_bad_input: all as expected"

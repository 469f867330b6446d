#!/usr/bin/env bash
# Photos from the command line: training on a folder, predict beside eval photo by photo, contact sheets, data check, and
# every kind of bad input.
set -uo pipefail

athanor=${ATHANOR_BIN:?}
failures=0
fault() {
    failures=$((failures + 1))
    echo "FAILED: $*"
    tail -n 5 stdout stderr 2>/dev/null
}
expect() { # NAME CODE PATTERN COMMAND...: the exit code, and a message that matches
    local name=$1 code=$2 pattern=$3 got
    shift 3
    "$@" >stdout 2>stderr </dev/null
    got=$?
    [ "$got" -eq "$code" ] || fault "$name: exit code $got instead of $code"
    grep -Eq -- "$pattern" stdout stderr || fault "$name: nothing matches '$pattern'"
}

# ---- a set of its own: three classes of stripes, UTF-8 in names, photos of all sizes ------------------------------
python3 - <<'END' || exit 1
import os, random
random.seed(3)
classes = {'00_00': (1, 0), '00_01': (0, 1), '01_00 花': (1, 1)}
for part, count in (('train', 24), ('val', 7)):
    for name, (down, across) in classes.items():
        os.makedirs(f'set/{part}/{name}', exist_ok=True)
        for k in range(count):
            h, w = random.randint(20, 60), random.randint(20, 60)
            phase, colour = random.randint(0, 7), [random.randint(80, 255) for _ in range(3)]
            rows = bytearray()
            for y in range(h):
                for x in range(w):
                    on = (y * down + x * across + phase) // 4 % 2
                    rows += bytes(c if on else c // 4 for c in colour)
            with open(f'set/{part}/{name}/照片 {k}.ppm', 'wb') as f:
                f.write(b'P6\n%d %d\n255\n' % (w, h) + rows)
with open('set/labels.txt', 'w', encoding='utf-8') as f:
    f.write('条纹: 00\n横: 00_00\n竖: 00_01\n\n其他: 01\n斜: 01_00 花\n')
END

train=("$athanor" train model=lenet5-relu data=set resize=36 crop=32 normalize=half batch=16 epochs=2 optimizer=adam
    lr=0.002 threads=2 overwrite=true)
expect "training" 0 "top-1" "${train[@]}" out=run 'augment=[random_resized_crop(scale=0.5:1),flip,jitter]'
expect "one cache" 0 "top-1" "${train[@]}" out=again loader.cache=0 loader.threads=3 \
    'augment=[random_resized_crop(scale=0.5:1),flip,jitter]'
cmp -s run/weights/last.safetensors again/weights/last.safetensors || fault "cache and threads change the weights"
expect "defaults" 0 "shorter side has 32 pixels.*middle 28x28" "${train[@]}" out=usual resize= crop= epochs=1

# ---- predict is eval ------------------------------------------------------------------------------------------------
# same NAME RUN DATA [KEY=VALUE...]: every photo of DATA/val has the class and the probability that eval gives it.
same() {
    local name=$1 run=$2 data=$3
    shift 3
    "$athanor" eval "run=$run" "$@" --json >eval.json 2>stderr || fault "$name: eval"
    "$athanor" predict "run=$run" "$@" top=26 "$data/val" --json >predict.json 2>stderr || fault "$name: predict"
    find "$data/val" -name '*.*' -type f | LC_ALL=C sort | "$athanor" predict "run=$run" "$@" - --json >stream.json 2>stderr ||
        fault "$name: predict from standard input"
    "$athanor" predict "run=$run" "$@" top=26 val: --json >elements.json 2>stderr || fault "$name: predict elements"
    python3 - <<'END' || fault "$name: predict and eval differ"
import json
evaluated = json.load(open('eval.json'))
predicted = [json.loads(line) for line in open('predict.json')]
streamed = [json.loads(line) for line in open('stream.json')]
elements = [json.loads(line) for line in open('elements.json')]
names = [c['class'] for c in evaluated['per_class']]
assert len(predicted) == evaluated['images'] == len(elements), (len(predicted), evaluated['images'])
matrix = [[0] * len(names) for _ in names]
for p, e in zip(predicted, elements):
    assert p['probability'] == e['probability'] and p['top'] == e['top'] and p['truth'] == e['truth'], (p, e)
    matrix[names.index(p['truth'])][p['index']] += 1
assert matrix == evaluated['confusion']
for worst in evaluated['worst']: # the probabilities of those that eval lists
    p = predicted[worst['index']]
    assert (p['truth'], p['class'], p['probability']) == (worst['class'], worst['predicted'], worst['probability']), (p, worst)
assert sorted(s['path'] for s in streamed) == sorted(p['path'] for p in predicted)
END
}
same "a set of all sizes" run set
grep -q '"title": "' predict.json || fault "predictions have no titles"
grep -q '"group": "条纹"' predict.json || fault "predictions have no groups"
grep -q '"group_top1"' eval.json || fault "eval has no groups"
expect "contact sheet" 0 "" "$athanor" predict run=run set/val sheet=sheet.png
[ "$(head -c 8 sheet.png | od -An -tx1 | tr -d ' ')" = 89504e470d0a1a0a ] || fault "sheet.png is no PNG"
head -1 run/confusion.csv | grep -q '横,竖,斜' || fault "confusion.csv has no titles"
[ "$(cat run/classes.txt)" = $'00_00\n00_01\n01_00 花' ] || fault "classes.txt"

# ---- other layouts ----------------------------------------------------------------------------------------------------
expect "one folder, held out" 0 "top-1" "${train[@]}" out=held epochs=1 data=set/train data.holdout=0.25
expect "no validation" 3 "data.holdout=0.1" "${train[@]}" out=none data=set/train
(cd set && find train -name '*.ppm' | sed 's/.*/"&" &/; s/" train\/\([^/]*\)\/.*/" \1/') >set/all.txt
expect "a list" 0 "top-1" "${train[@]}" out=listed epochs=1 data=set/all.txt data.holdout=0.25
expect "a list beside folders" 0 "top-1" "${train[@]}" out=mixed epochs=1 data.train=all.txt
expect "by name" 0 "3 classes" env ATHANOR_DATA="$PWD" "$athanor" data check set
expect "photos shown" 0 "wrote shown.png" "$athanor" data show set 'augment=[random_resized_crop,flip]' resize=48 rows=3 \
    columns=4 out=shown.png

# ---- bad input ----------------------------------------------------------------------------------------------------------
cp -r set bad
printf 'just words' >bad/train/00_00/words.jpg
expect "a text called .jpg, in training" 3 "words.jpg" "${train[@]}" out=stopped data=bad epochs=1
expect "a text called .jpg, in data check" 3 "words.jpg" "$athanor" data check bad
expect "a text called .jpg, left out" 0 "1 files are no images or broken.*words.jpg" "${train[@]}" out=skipped data=bad epochs=1 \
    bad_images=skip
grep -q '"skipped": 1' skipped/summary.json || fault "summary.json does not count what was left out"
expect "broken photos beside good ones" 0 "2 images predicted, 1 could not be read" "$athanor" predict run=run \
    "set/val/00_00/照片 1.ppm" bad/train/00_00/words.jpg "set/val/00_00/照片 2.ppm"
expect "nothing but broken photos" 3 "none of the images" "$athanor" predict run=run bad/train/00_00/words.jpg
expect "a photo that is not there" 3 "no file" "$athanor" predict run=run nowhere.jpg
printf 'P6\n1 1\n255\nabc' >tiny.ppm
expect "1x1 pixels" 0 "tiny.ppm" "$athanor" predict run=run tiny.ppm
printf 'P6\n20000 20000\n255\n' >huge.ppm
expect "20,000x20,000 pixels announced" 3 "huge.ppm" "$athanor" predict run=run huge.ppm
printf 'P6\n1 60000\n255\n' >thin.ppm && head -c 180000 /dev/zero >>thin.ppm
expect "long and thin" 3 "thin" "$athanor" predict run=run thin.ppm
printf 'not an image' >bad/train/00_00/notes.txt
expect "a file that is no image" 3 "notes.txt' is no image: remove it" "${train[@]}" out=none data=bad
rm bad/train/00_00/*.jpg bad/train/00_00/notes.txt
mkdir bad/train/02 bad/val/03 && cp "bad/val/00_00/照片 1.ppm" bad/val/03/
expect "a class only in val, an empty one" 0 "'03' has validation photos but no training photos" "${train[@]}" out=odd \
    data=bad epochs=1
grep -q "'02' is a folder that is empty" stderr || fault "an empty class is not told"
cp -r bad/train/00_01 bad/train/A && cp -r bad/train/00_01 bad/train/a
expect "names that differ in case" 0 "'A' and 'a' differ only in case" "$athanor" data check bad
mkdir -p lone/train lone/val && cp -r set/train/00_00 lone/train/ && cp -r set/val/00_00 lone/val/
expect "one class" 3 "only one class, '00_00'" "${train[@]}" out=none data=lone
mkdir -p nothing/train nothing/val
expect "no photos" 3 "no data set|no photos" "${train[@]}" out=none data=nothing
if [ "$(id -u)" -ne 0 ]; then
    chmod 0 "bad/train/00_00/照片 1.ppm"
    expect "a file that may not be read" 3 "照片 1.ppm" "$athanor" data check bad
    chmod 644 "bad/train/00_00/照片 1.ppm"
fi
mkdir -p 'bad/train/'$'\xff''x' && cp set/train/00_00/*.ppm 'bad/train/'$'\xff''x/'
expect "a name that is no UTF-8" 3 "UTF-8" "$athanor" data check bad
printf 'no colon here\n' >wrong.txt
expect "labels that are none" 3 "line 1 of" "${train[@]}" out=none labels=wrong.txt
expect "labels that are not there" 3 "labels" "${train[@]}" out=none labels=absent.txt
expect "crop larger than resize" 2 "does not fit into resize=20" "${train[@]}" out=none resize=20
expect "crop of no size" 2 "crop must be a size" "${train[@]}" out=none crop=big
expect "a part not first" 2 "put it first" "${train[@]}" out=none 'augment=[flip,random_resized_crop]'
[ ! -e none ] || fault "a refused run left a folder behind"

# ---- the garbage photos ---------------------------------------------------------------------------------------------------
if [ -d "${ATHANOR_DATA:-}/garbage_26x100" ]; then
    expect "real photos" 0 "top-1" "${train[@]}" out=real data=garbage_26x100 epochs=1 batch=64
    same "real photos" real "$ATHANOR_DATA/garbage_26x100"
    same "real photos, one at a time" real "$ATHANOR_DATA/garbage_26x100" batch=1
    mv predict.json single.json
    same "real photos, 32 at a time" real "$ATHANOR_DATA/garbage_26x100" batch=32
    # Kernels divide their sums by the size of the batch, so other batches round otherwise, and no more than that: a logit
    # of float32 sums differs by some units of its last place, some 1e-6 of the largest.
    python3 - <<'END' || fault "the size of the batch changes predictions"
import json
single, many = ([json.loads(line) for line in open(name)] for name in ('single.json', 'predict.json'))
assert len(single) == len(many) == 130
worst = largest = 0.0
for a, b in zip(single, many):
    logits = {guess['index']: guess['logit'] for guess in a['top']}
    assert a['path'] == b['path'] and set(logits) == {guess['index'] for guess in b['top']}
    worst = max([worst] + [abs(guess['logit'] - logits[guess['index']]) for guess in b['top']])
    largest = max([largest] + [abs(value) for value in logits.values()])
print(f'batch 1 and 32: logits up to {largest:.3g} differ by at most {worst:.2g}')
assert worst <= 64 * 2.0**-24 * max(1.0, largest), worst
END
    "$athanor" data check garbage_26x100 --json >check.json 2>stderr || fault "data check"
    python3 - <<'END' || fault "data check of real photos"
import json
check = json.load(open('check.json'))
assert check['copies']['groups'] == 23 and check['copies']['across'] == 2 and not check['broken'], check['copies']
END
    head -c 5000 "$ATHANOR_DATA/garbage_26x100/val/00_00/00037.jpg" >cut.jpg
    expect "a truncated JPEG" 3 "cut.jpg" "$athanor" predict run=real cut.jpg
else
    echo "the garbage photos are not here: their part is left out"
fi

[ "$failures" -eq 0 ] || exit 1
echo "photos: all as expected"

#!/usr/bin/env bash
# athanor data stats: figures and duplicates of a set that was made for it, from its files and from an archive; and the
# remark that training begins with when validation images are among the training images.
set -uo pipefail

athanor=${ATHANOR_BIN:?}
failures=0
fault() {
    failures=$((failures + 1))
    echo "FAILED: $*"
    cat stdout stderr 2>/dev/null
}
shows() { # NAME PATTERN: a line of what was printed
    grep -Eq -- "$2" stdout || fault "$1: no line matches '$2'"
}
octal() { printf '\\%03o' "$1"; }
record() { # LABEL VALUE: an image of one colour
    printf '%b' "$(octal "$1")"
    head -c 3072 /dev/zero | tr '\0' "$(octal "$2")"
}

set=photos/cifar-10-batches-bin
mkdir -p $set
# Training: values 10 20 30 40, 50 60 70 80, ..., 170 180 190 200, each as label value / 10 mod 10, and as the last image
# of all 10 again, under another label.
for batch in 1 2 3 4 5; do
    for value in 1 2 3 4; do
        number=$((4 * batch - 4 + value))
        record $((number % 10)) $((10 * number))
    done >$set/data_batch_$batch.bin
done
record 7 10 >>$set/data_batch_5.bin
# Test: 30 as in training, 50 under another label, and two that are new.
{ record 3 30 && record 2 50 && record 1 99 && record 1 101; } >$set/test_batch.bin

check_set() { # NAME COMMAND...
    local name=$1
    shift
    "$@" >stdout 2>stderr || fault "$name: exit code $?"
    shows "$name" '^ +train +test$'
    shows "$name" '^  images +21 +4$'
    shows "$name" '^  duplicates of an earlier image +1 +0$'
    shows "$name" '^    under another label +1 +0$'
    # (10 + ... + 200 + 10) / 21 = 100.476 and (30 + 50 + 99 + 101) / 4 = 70 of 255; deviations 59.80 and 30.83.
    shows "$name" '^  channel 0: mean +0\.3940 +0\.2745$'
    shows "$name" '^  channel 2: deviation +0\.2345 +0\.1209$'
    shows "$name" '^  airplane +2 +0$'
    shows "$name" '^  horse +3 +0$'
    shows "$name" '^2 images of test are in train as well \(test\[0\] = train\[2\]\), 1 under another label$'
}
check_set "named set" env ATHANOR_DATA="$PWD" "$athanor" data stats photos
ln -s photos cifar10
check_set "named set" env ATHANOR_DATA="$PWD" "$athanor" data stats cifar10
check_set "data=" "$athanor" data stats data=photos
tar -czf archive.tgz -C photos cifar-10-batches-bin
check_set "archive" "$athanor" data stats archive.tgz

"$athanor" data stats photos data.holdout=5 >stdout 2>stderr || fault "holdout: exit code $?"
shows "holdout" '^ +train +val +test$'
shows "holdout" '^  images +16 +5 +4$'
shows "holdout" '^1 image of val is in train as well \(val\[4\] = train\[0\]\), 1 under another label$'
shows "holdout" '^2 images of test are in train'
shows "holdout" '^no image of test is in val$'

"$athanor" data stats photos split=test >stdout 2>stderr || fault "one part: exit code $?"
shows "one part" '^  images +4$'
grep -q "train" stdout && fault "one part: the training images were looked at"

"$athanor" data stats photos --json >stdout 2>stderr || fault "json: exit code $?"
python3 - <<'END' >json 2>&1 || { fault "json"; cat json; }
import json
d = json.load(open("stdout"))
assert (d["data"], d["split"], d["images"], d["duplicates"], d["conflicts"]) == ("photos", "train", 21, 1, 1), d
assert len(d["mean"]) == len(d["deviation"]) == 3, d
assert abs(d["mean"][1] - 2110 / 21 / 255) < 1e-9, d # printed with nine digits
assert d["classes"]["horse"] == 3 and sum(d["classes"].values()) == 21, d
assert [o["split"] for o in d["others"]] == ["test"] and d["others"][0]["images"] == 4, d
assert d["across"] == [{"first": "train", "second": "test", "images": 2, "conflicts": 1}], d
END

train=("$athanor" train model=lenet5 batch=7 epochs=1 threads=1 data=photos)
"${train[@]}" out=first >stdout 2>stderr || fault "training: exit code $?"
grep -q "2 of the 4 validation images are training images as well.*val\[0\] = train\[2\].*1 of them under another" stderr ||
    fault "training says nothing of validation images that are training images"
{ record 3 31 && record 2 51 && record 1 99 && record 1 101; } >$set/test_batch.bin
"${train[@]}" out=second >stdout 2>stderr || fault "training: exit code $?"
grep -q "validation images are training images" stderr && fault "training speaks of duplicates where there are none"

[ "$failures" -eq 0 ] || {
    echo "$failures failures"
    exit 1
}

#!/usr/bin/env bash
# Bad input: every mistake gets exactly one message on standard error, the right exit code, and costs nothing that was
# there before.
#
# Exit codes: 1 disk, 2 usage, 3 data, 4 diverged.
set -uo pipefail

athanor=${ATHANOR_BIN:?}
failures=0
fault() {
    failures=$((failures + 1))
    echo "FAILED: $*"
    sed 's/^/    /' stderr
}

# expect NAME CODE PATTERN COMMAND...: one line on standard error, beginning with "athanor: " and matching PATTERN.
expect() {
    local name=$1 code=$2 pattern=$3 got
    shift 3
    "$@" >stdout 2>stderr </dev/null
    got=$?
    [ "$got" -eq "$code" ] || fault "$name: exit code $got instead of $code"
    [ "$(wc -l <stderr)" -eq 1 ] || fault "$name: $(wc -l <stderr) lines of messages instead of one"
    grep -q '^athanor: ' stderr || fault "$name: the message does not say who speaks"
    grep -Eq -- "$pattern" stderr || fault "$name: the message does not match '$pattern'"
    echo "$name: $(cut -c1-240 stderr)"
}
# Remarks between epochs are part of a run that started well: only what the program ends with is looked at.
final_message() {
    "$@" 2>&1 >/dev/null | grep '^athanor: ' >&2
    return "${PIPESTATUS[0]}"
}
absent() { # NAME PATH: a refused run leaves no folder behind
    [ ! -e "$2" ] || fault "$1: it left $2 behind"
}

small=("$athanor" train model=lenet5 data=digits data.n=60 batch=20 epochs=1 threads=1)

# ---- keys and values ----------------------------------------------------------------------------------------------
expect "unknown key" 2 "leraning_rate.*'lr'" "${small[@]}" out=none leraning_rate=0.1
expect "no number" 2 "lr .*number.*'abc'" "${small[@]}" out=none lr=abc
expect "zero rate" 2 "lr .*above 0" "${small[@]}" out=none lr=0
expect "rate that is no number" 2 "lr " "${small[@]}" out=none lr=nan
expect "batch 0" 2 "batch .*from 1 .*'0'" "${small[@]}" out=none batch=0
expect "negative batch" 2 "batch .*'-3'" "${small[@]}" out=none batch=-3
expect "half a batch" 2 "batch .*whole number" "${small[@]}" out=none batch=1.5
expect "batch that overflows" 2 "batch " "${small[@]}" out=none batch=99999999999999999999999
expect "batch larger than the set" 2 "1000.*60 images" "${small[@]}" out=none batch=1000
expect "unknown model" 2 "lenet6.*'lenet5'" "$athanor" train model=lenet6 data=digits out=none
expect "unknown data" 2 "mnits.*'mnist'" "$athanor" train model=lenet5 data=mnits out=none
expect "unknown optimizer" 2 "sdg.*'sgd'" "${small[@]}" out=none optimizer=sdg
expect "unknown schedule" 2 "cosin.*cosine" "${small[@]}" out=none schedule=cosin
expect "unknown start" 2 "xaviar.*xavier" "${small[@]}" out=none init=xaviar
absent "an unknown start" none
expect "target above 100%" 2 "target_top1 .*from 0 to 100.*'200'" "${small[@]}" out=none target_top1=200
expect "unknown transform" 2 "reparam|transform" "${small[@]}" out=none reparam=xn
expect "unknown model option" 2 "kernle.*kernel" "${small[@]}" out=none model.kernle=3
expect "model option out of range" 2 "kernel.*3, 5" "${small[@]}" out=none model.kernel=4
expect "unknown data option" 2 "foo" "${small[@]}" out=none data.foo=1
expect "no model" 2 "model" "$athanor" train data=digits out=none
expect "no data" 2 "data" "$athanor" train model=lenet5 out=none
expect "no such verb" 2 "frobnicate" "$athanor" frobnicate
expect "unreadable recipe" 2 "no-such-recipe" "$athanor" train recipe=no-such-recipe
absent "refused runs" none

# ---- data ---------------------------------------------------------------------------------------------------------
expect "missing data folder" 3 "looked in '$PWD/nowhere/mnist'.*athanor data get mnist" \
    env ATHANOR_DATA="$PWD/nowhere" "$athanor" train model=lenet5 data=mnist out=none

# make_idx FOLDER IMAGES LABELS [LABEL]: raw MNIST-like files of zeros, every label LABEL (0).
word() { # N as four bytes, most significant first
    printf '%b' "$(printf '\\x%02x\\x%02x\\x%02x\\x%02x' $(($1 >> 24 & 255)) $(($1 >> 16 & 255)) $(($1 >> 8 & 255)) $(($1 & 255)))"
}
make_idx() {
    local part
    mkdir -p "$1/mnist"
    for part in train t10k; do
        {
            word 2051
            word "$2"
            word 28
            word 28
            head -c $(($2 * 784)) /dev/zero
        } >"$1/mnist/$part-images-idx3-ubyte"
        {
            word 2049
            word "$3"
            head -c "$3" /dev/zero | tr '\0' "\\$(printf %03o "${4:-0}")"
        } >"$1/mnist/$part-labels-idx1-ubyte"
    done
}
mnist() { # FOLDER [SETTING...]: trains on it
    local folder=$1
    shift
    env ATHANOR_DATA="$PWD/$folder" "$athanor" train model=lenet5 data=mnist batch=20 epochs=1 threads=1 out=none "$@"
}
make_idx good 60 60
mnist good out=good-run >stdout 2>stderr || fault "the files that the broken ones are made from cannot be read"
make_idx truncated 60 60
truncate -s 20000 truncated/mnist/train-images-idx3-ubyte
expect "truncated IDX" 3 "train-images-idx3-ubyte" mnist truncated
make_idx empty 60 60
: >empty/mnist/train-labels-idx1-ubyte
expect "empty IDX" 3 "train-labels-idx1-ubyte" mnist empty
make_idx magic 60 60
printf 'GIF89a' | dd of=magic/mnist/train-images-idx3-ubyte conv=notrunc status=none
expect "wrong magic" 3 "train-images-idx3-ubyte" mnist magic
make_idx huge 60 60
printf '\x7f\xff\xff\xff' | dd of=huge/mnist/train-images-idx3-ubyte bs=1 seek=4 conv=notrunc status=none
expect "count beyond the file" 3 "train-images-idx3-ubyte" mnist huge
make_idx counts 60 59
expect "counts that differ" 3 "60.*59|59.*60" mnist counts
make_idx label 60 60 11
expect "label 11 of 10 classes" 3 "11" mnist label
mkdir -p packed/mnist && cp good/mnist/* packed/mnist && gzip packed/mnist/train-images-idx3-ubyte
truncate -s 60 packed/mnist/train-images-idx3-ubyte.gz
expect "truncated gzip" 3 "train-images-idx3-ubyte" mnist packed
# make_cifar FOLDER: files of CIFAR-10's kind, of four black images each.
make_cifar() {
    local batch inside=$1/cifar10/cifar-10-batches-bin
    mkdir -p "$inside"
    for batch in data_batch_1 data_batch_2 data_batch_3 data_batch_4 data_batch_5 test_batch; do
        head -c 12292 /dev/zero >"$inside/$batch.bin"
    done
}
cifar() { # FOLDER: trains on it
    env ATHANOR_DATA="$PWD/$1" "$athanor" train model=lenet5 data=cifar10 batch=20 epochs=1 threads=1 out=none
}
make_cifar photos
env ATHANOR_DATA="$PWD/photos" "$athanor" data stats cifar10 >stdout 2>stderr ||
    fault "the CIFAR-10 files that the broken ones are made from cannot be read"
batch=cifar10/cifar-10-batches-bin/data_batch_3.bin
broken() { rm -rf broken && cp -r photos broken; }
broken && truncate -s 12291 broken/$batch
expect "truncated CIFAR-10" 3 "data_batch_3.bin.*12291 bytes.*3073" cifar broken
broken && : >broken/$batch
expect "empty CIFAR-10" 3 "data_batch_3.bin.*empty" cifar broken
broken && truncate -s 1T broken/$batch
expect "huge CIFAR-10" 3 "data_batch_3.bin" cifar broken
broken && printf '\013' | dd of=broken/$batch bs=1 seek=6146 conv=notrunc status=none
expect "label 11 of CIFAR-10" 3 "label 11 of record 2 of 'data_batch_3.bin'" cifar broken
broken && rm broken/$batch
expect "missing CIFAR-10 file" 3 "data_batch_3.bin.*missing.*athanor data get cifar10" cifar broken
mkdir -p packed/cifar10
tar -czf packed/cifar10/cifar-10-binary.tar.gz -C broken/cifar10 cifar-10-batches-bin
expect "archive with a missing member" 3 "archive has no 'data_batch_3.bin'" cifar packed
tar -czf packed/cifar10/cifar-10-binary.tar.gz -C photos/cifar10 cifar-10-batches-bin
env ATHANOR_DATA="$PWD/packed" "$athanor" data stats cifar10 >stdout 2>stderr || fault "a good archive cannot be read"
truncate -s -20 packed/cifar10/cifar-10-binary.tar.gz
expect "truncated archive" 3 "cifar-10-binary.tar.gz.*cut off" cifar packed
echo "no archive" >packed/cifar10/cifar-10-binary.tar.gz
expect "archive that is none" 3 "cifar-10-binary.tar.gz.*no tar archive" cifar packed
expect "a file that is no data set" 3 "file 'stderr' is no data set" "$athanor" train model=lenet5 data=stderr out=none
expect "a folder that is no data set" 3 "folder 'packed' is no data set" "$athanor" train model=lenet5 data=packed out=none
expect "labels of CIFAR-100 that are none" 2 "coarse" "$athanor" data stats cifar100 data.labels=both
absent "runs on broken data" none

# ---- the disk -----------------------------------------------------------------------------------------------------
expect "output below a file" 1 "stderr" "${small[@]}" out=stderr/run
expect "output that cannot be made" 1 "/proc/none" "${small[@]}" out=/proc/none/run
if [ "$(id -u)" -ne 0 ]; then
    mkdir -p locked && chmod 555 locked
    expect "output without permission" 1 "locked" "${small[@]}" out=locked/run
    chmod 755 locked
fi

# A disk that fills up: no file may grow beyond 200 KiB, and a checkpoint of LeNet-5 is larger. The signal that a process
# gets for that is ignored, as on a full disk; write() then fails.
small_disk() {
    (
        trap '' XFSZ
        ulimit -f 200
        exec "$@"
    )
}
expect "full disk" 1 "(No space|too large|cannot write)" \
    small_disk "${small[@]}" out=full-run
[ -z "$(find full-run -name '*.tmp' 2>/dev/null)" ] || fault "full disk: it left temporaries behind"

# The same behind a good epoch: what that epoch saved stays readable.
"${small[@]}" out=filling momentum=0.9 >stdout 2>stderr || fault "a small run fails"
before=$(md5sum filling/weights/*.safetensors filling/checkpoint/state.safetensors filling/results.csv)
expect "full disk while resuming" 1 "(No space|too large|cannot write)" \
    final_message small_disk "$athanor" train resume=filling extend=true epochs=2
[ "$before" = "$(md5sum filling/weights/*.safetensors filling/checkpoint/state.safetensors filling/results.csv)" ] ||
    fault "full disk while resuming: the last epoch's files changed"
"$athanor" train resume=filling extend=true epochs=2 >stdout 2>stderr || fault "with room again the run cannot go on"
[ "$(wc -l <filling/results.csv)" -eq 3 ] || fault "with room again results.csv has not two epochs"

# ---- resuming -----------------------------------------------------------------------------------------------------
before=$(md5sum filling/weights/*.safetensors filling/checkpoint/state.safetensors)
expect "resume with another model" 2 "model was 'lenet5' and is now 'lenet5-k3'" "$athanor" train resume=filling model=lenet5-k3
expect "resume with another batch" 2 "batch was '20' and is now '30'" "$athanor" train resume=filling batch=30
expect "resume of nothing" 2 "no-such-run" "$athanor" train resume=no-such-run
expect "a run in the way" 2 "already holds a run.*overwrite=true" "${small[@]}" out=filling
mkdir -p torn && cp -r filling/. torn && truncate -s 5000 torn/checkpoint/state.safetensors
expect "truncated checkpoint" 3 "state.safetensors" "$athanor" train resume=torn
[ "$before" = "$(md5sum filling/weights/*.safetensors filling/checkpoint/state.safetensors)" ] ||
    fault "a refused resume changed the run"

# ---- divergence ---------------------------------------------------------------------------------------------------
relu=("$athanor" train model=lenet5 model.activation=relu data=digits data.n=60 batch=20 threads=1 init=kaiming)
"${relu[@]}" epochs=2 lr=0.01 out=wild >stdout 2>stderr || fault "a small run fails"
before=$(md5sum wild/weights/*.safetensors wild/checkpoint/state.safetensors)
expect "diverging rate" 4 "not a number at step [0-9]+.*lr" \
    final_message "$athanor" train resume=wild extend=true epochs=9 lr=1e6 checkpoint.seconds=0
[ "$before" = "$(md5sum wild/weights/*.safetensors wild/checkpoint/state.safetensors)" ] || {
    "$athanor" eval run=wild >stdout 2>stderr || fault "after diverging the weights cannot be evaluated"
}
"$athanor" eval weights=wild/weights/last.safetensors data=digits data.n=60 >stdout 2>stderr ||
    fault "after diverging the last weights cannot be evaluated"
grep -qi nan stdout && fault "after diverging the last weights are no numbers"
# One step an epoch: the parameters overflow in the last step of an epoch, behind a loss that was still finite.
expect "diverging in an epoch's last step" 4 "not a number at step [0-9]+" \
    final_message "${relu[@]}" epochs=9 batch=60 lr=1e6 momentum=0.9 out=wilder
if [ -e wilder/weights/last.safetensors ]; then
    "$athanor" eval weights=wilder/weights/last.safetensors data=digits data.n=60 >stdout 2>stderr ||
        fault "the last weights of a run that diverged at an epoch's end cannot be evaluated"
    grep -qi nan stdout && fault "the last weights of a run that diverged at an epoch's end are no numbers"
fi

[ "$failures" -eq 0 ] || {
    echo "$failures failures"
    exit 1
}

#!/usr/bin/env bash
# convert and export: a trained model survives the way through every format, bit for bit and as a model; what cannot be
# done is said in one message.
set -uo pipefail

athanor=${ATHANOR_BIN:?}
failures=0
fault() {
    failures=$((failures + 1))
    echo "FAILED: $*"
    sed 's/^/    /' stderr
}
refused() { # NAME CODE PATTERN ARGUMENTS...
    local name=$1 code=$2 pattern=$3
    shift 3
    "$athanor" "$@" >stdout 2>stderr </dev/null
    [ $? -eq "$code" ] || fault "$name: exit code is not $code"
    grep -Eq -- "$pattern" stderr || fault "$name: the message does not match '$pattern'"
}

"$athanor" train model=lenet5 data=digits data.n=200 batch=20 epochs=1 threads=1 out=run --quiet >stdout 2>stderr || fault "training"
model=run/weights/best.safetensors
"$athanor" eval weights=$model data=digits data.n=200 --json >first.json 2>stderr || fault "eval"
at=$model
for to in a.pth b.ckpt c.npz d.safetensors; do
    "$athanor" convert "$at" "$to" >stdout 2>stderr || fault "convert to $to"
    grep -q '10 tensors' stdout || fault "convert does not say what it wrote"
    "$athanor" eval weights="$to" data=digits data.n=200 --json >next.json 2>stderr || fault "eval of $to"
    cmp -s first.json next.json || fault "$to scores differently"
    at=$to
done
cmp -s "$model" d.safetensors || fault "the way round changed the file"
"$athanor" convert $model net.bin format=npz --json >stdout 2>stderr || fault "format="
grep -q '"to": "npz"' stdout || fault "--json does not say the format"
"$athanor" convert >stdout 2>stderr || fault "the list of formats"
grep -q '^mindspore' stdout || fault "the list lacks a format"

refused "no ending" 2 "format= can be" convert $model net
refused "an unknown format" 2 "no format 'pkl'" convert $model net format=pkl
refused "a network's format" 2 "athanor export" convert $model net.txt
refused "a format that is only read" 2 "athanor export" convert $model net.onnx
refused "the same by name" 2 "athanor export" convert $model net.bin format=onnx
refused "no file" 3 "no file" convert none.pth net.npz
refused "one word" 2 "two files" convert $model
refused "a text file" 3 "known formats" convert run/results.csv net.npz
mkdir folder.npz
refused "a folder in the way" 1 "folder.npz" convert $model folder.npz
[ -z "$(find . -name '*.tmp*')" ] || fault "temporary files are left behind"

"$athanor" export run=run out=net.txt export.softmax=true >stdout 2>stderr || fault "export"
grep -q 'probabilities come out' stdout || fault "export does not say what comes out"
grep -q 'conv2d(image, conv1.weight, conv1.bias)' net.txt || fault "the graph is not there"
refused "an unknown option" 2 "export.sotfmax" export run=run out=net.txt export.sotfmax=true
refused "an unknown ending" 2 "format= can be" export run=run out=net.doc
exit $((failures > 0))

#!/bin/sh
# ONNX from the command line: infer on arrays, a classifier profiled, trained on and exported again, faulty input, and that
# docs/onnx.md lists the operators that are imported.
set -eu
golden=$ATHANOR_TESTS/golden/onnx
fail() { echo "FAILED: $*"; exit 1; }

# expect CODE TEXT COMMAND...: the exit status, and what stderr says
expect() {
    code=$1 text=$2
    shift 2
    status=0
    "$@" >out.txt 2>err.txt || status=$?
    [ "$status" -eq "$code" ] || { cat err.txt; fail "exit status $status instead of $code: $*"; }
    grep -q -- "$text" err.txt || { cat err.txt; fail "stderr does not say '$text': $*"; }
}

# ---- infer ----
"$ATHANOR_BIN" infer "$golden/classifier.onnx" "$golden/classifier.npz" out=answers >text.txt 2>err.txt && status=0 || status=$?
# the .npz also holds what is expected: more arrays than inputs
[ "$status" -eq 2 ] || fail "arrays beyond the inputs were taken"
grep -q "more arrays are given" err.txt || fail "no word on arrays beyond the inputs"
expect 2 "which model" "$ATHANOR_BIN" infer
expect 2 "arrays are given" "$ATHANOR_BIN" infer "$golden/classifier.onnx"
printf 'no model' >text.onnx
expect 3 "no weights file" "$ATHANOR_BIN" infer text.onnx "$golden/classifier.npz"
head -c 700 "$golden/classifier.onnx" >cut.onnx
expect 3 "damaged" "$ATHANOR_BIN" infer cut.onnx "$golden/classifier.npz"
expect 1 "no classifier" "$ATHANOR_BIN" profile "model=$golden/products.onnx"

# ---- as a model ----
"$ATHANOR_BIN" profile "model=$golden/classifier.onnx" batch=2 steps=1 --json >profile.json
grep -q '"params": *357' profile.json || fail "the classifier has not 357 parameters: $(head -c 200 profile.json)"
"$ATHANOR_BIN" train "model=$golden/classifier.onnx" data=digits data.n=60 resize=8 epochs=1 batch=20 \
    out=run --quiet >out.txt 2>err.txt && status=0 || status=$?
[ "$status" -ne 0 ] || fail "images of one channel went into a network of three"

# ---- out, with batch norms as they are: in again, they are there to be trained, and nothing else has changed ----
"$ATHANOR_BIN" train model=resnet20-cifar data=digits data.n=60 resize=16 epochs=1 batch=20 out=norms --quiet >out.txt 2>err.txt ||
    fail "a run to export: $(cat err.txt)"
"$ATHANOR_BIN" export run=norms out=kept.onnx export.fold=false >out.txt 2>err.txt || fail "export.fold=false: $(cat err.txt)"
"$ATHANOR_BIN" export run=norms out=folded.onnx >out.txt 2>err.txt || fail "export: $(cat err.txt)"
grep -q BatchNormalization kept.onnx || fail "no batch norm was kept"
! grep -q BatchNormalization folded.onnx || fail "a batch norm was not folded"
params=$(sed -n 's/.*"params": *\([0-9]*\).*/\1/p' norms/summary.json)
[ "$params" -gt 0 ] || fail "the run does not say how many parameters it has"
"$ATHANOR_BIN" profile model=kept.onnx batch=2 steps=1 --json >kept.json
grep -q "\"params\": *$params[^0-9]" kept.json || fail "with its norms kept the network has other parameters than $params"
expect 2 "format=onnx can" "$ATHANOR_BIN" export run=norms out=kept.mindir export.fold=false

# ---- the table of the documents ----
list=$ATHANOR_TESTS/../src/format/onnx/onnx_op_list.h
sed -n 's/^ATH_ONNX_OP(\([A-Za-z0-9]*\), [a-z0-9_]*, \([0-9]*\), \([0-9]*\))$/\1 \2 \3/p' "$list" >listed.txt
sed -n '/^| operator/,/^$/s/^| \([A-Z][A-Za-z0-9]*\) | \([0-9]*\)\( to \([0-9]*\)\)* |.*/\1 \2 \4/p' "$ATHANOR_TESTS/../docs/onnx.md" |
    awk '{ print $1, $2, (NF > 2 ? $3 : $2) }' >documented.txt
[ -s listed.txt ] || fail "no operators in $list"
diff listed.txt documented.txt || fail "docs/onnx.md does not list the operators of onnx_op_list.h"
echo ok

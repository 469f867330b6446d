#!/usr/bin/env bash
# augment=[...] as a user meets it: help, messages, recipes, config.yaml, a run that repeats itself, and the contact sheet.
set -uo pipefail

athanor=${ATHANOR_BIN:?}
failures=0
fault() {
    failures=$((failures + 1))
    echo "FAILED: $*"
}
# expect NAME CODE PATTERN COMMAND...: the last line on standard error matches PATTERN.
expect() {
    local name=$1 code=$2 pattern=$3 got
    shift 3
    "$@" >stdout 2>stderr </dev/null
    got=$?
    [ "$got" -eq "$code" ] || fault "$name: exit code $got instead of $code: $(cat stderr)"
    tail -n 1 stderr | grep -Eq -- "$pattern" || fault "$name: the message does not match '$pattern': $(cat stderr)"
}

small=("$athanor" train model=lenet5 model.activation=relu data=digits data.n=120 batch=20 epochs=2 threads=1 lr=0.05
    momentum=0.9 seed=4)
list='[crop(2, reflect), rotate(10), erase(0.5, 0.05:0.2), mixup(0.4), cutmix]'

# ---- help and messages --------------------------------------------------------------------------------------------
"$athanor" help train >help || fault "help train"
for name in crop flip vflip cutout erase jitter rotate affine grey autoaugment randaugment trivialaugment mixup cutmix; do
    grep -q "^  $name(" help || fault "help train does not list $name"
done
"$athanor" help data >help || fault "help data"
grep -q '^  crop(pad=4, mode=zero)' help || fault "help data does not list crop"

expect "unknown transform" 2 "augment.*crpo.*'crop'" "${small[@]}" out=none 'augment=[crpo(4)]'
expect "unknown argument" 2 "crop.moed.*'crop.mode'" "${small[@]}" out=none 'augment=[crop(4,moed=zero)]'
expect "too large a crop" 2 "crop\(28\).*28x28" "${small[@]}" out=none 'augment=[crop(28)]'
expect "unbalanced" 2 "augment" "${small[@]}" out=none 'augment=[crop(4]'
[ ! -e none ] || fault "a refused run left its folder behind"

# ---- recipes and config.yaml --------------------------------------------------------------------------------------
cat >one.yaml <<'EOF'
# The list on one line
augment: [crop(2, reflect), rotate(10), "erase(0.5, 0.05:0.2)", mixup(0.4), cutmix]
EOF
cat >many.yaml <<'EOF'
# The list on many lines
augment:
  - crop(2, mode=reflect)
  - rotate(degrees=10)
  - erase(p=0.5, scale=0.05:0.2)
  - mixup(0.4)
  - cutmix
EOF
printf 'augment:\n  - crop: 4\n' >wrong.yaml
printf 'augment: [flip]\n' >base.yaml
printf 'recipe: base.yaml\naugment: [flip, crpo(4)]\n' >misspelt.yaml
expect "a misspelt recipe" 2 "misspelt.yaml:2.*crpo.*'crop'" "$athanor" train model=lenet5 recipe=misspelt.yaml data=none
expect "a mapping in the list" 3 "wrong.yaml:2.*augment.*plain text" "${small[@]}" recipe=wrong.yaml out=none

train() { "${small[@]}" --quiet overwrite=true "$@" || fault "train $*"; }
train "augment=$list" out=line
train recipe=one.yaml out=one
train recipe=many.yaml out=many
train "augment=$list" loader.threads=3 out=threads
train out=plain
"$athanor" train --quiet recipe=line/config.yaml out=again || fault "train recipe=line/config.yaml"
for run in one many threads again; do
    cmp -s line/weights/last.safetensors $run/weights/last.safetensors || fault "run '$run' has other weights than 'line'"
done
cmp -s line/weights/last.safetensors plain/weights/last.safetensors && fault "augment= changes nothing"
"$athanor" train resume=line extend=true epochs=3 --quiet || fault "resume with augment="
expect "another list on resume" 2 "augment" "$athanor" train resume=line extend=true epochs=4 'augment=[flip]'

# A model that was trained with augmentation sees plain images when it is judged: twice the same, and another net's
# images too.
"$athanor" eval run=line data=digits data.n=120 --json >first.json || fault "eval"
"$athanor" eval run=line data=digits data.n=120 seed=9 'augment=[crop(8)]' --json >second.json || fault "eval"
cmp -s first.json second.json || fault "eval is augmented"

# ---- contact sheet --------------------------------------------------------------------------------------------------
is_png() { [ "$(head -c 8 "$1" | od -An -tx1 | tr -d ' ')" = 89504e470d0a1a0a ] || fault "$1 is no PNG"; }
"$athanor" data show digits data.n=60 "augment=$list" out=sheet.png --quiet || fault "data show"
is_png sheet.png
"$athanor" data show data=digits data.n=60 "augment=$list" out=same.png --quiet || fault "data show"
cmp -s sheet.png same.png || fault "the same sheet twice differs"
"$athanor" data show data=digits data.n=60 rows=3 columns=1 resize=40 -o small.png --quiet || fault "data show, small"
is_png small.png
expect "no data to show" 2 "data show" "$athanor" data show
expect "too large a sheet" 2 "too large" "$athanor" data show digits data.n=60 resize=2000 rows=10 out=large.png
expect "nowhere to write" 1 "nowhere" "$athanor" data show digits data.n=60 out=nowhere/sheet.png

[ "$failures" -eq 0 ] && echo "augment: all as it should be"
exit $((failures > 0))

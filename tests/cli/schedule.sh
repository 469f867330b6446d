#!/usr/bin/env bash
# Rates and updates as a user meets them: --show-schedule, settings that nobody reads, groups, averaged weights, resuming
# with another schedule.
set -uo pipefail

athanor=${ATHANOR_BIN:?}
failures=0
fault() {
    failures=$((failures + 1))
    echo "FAILED: $*"
    [ ! -s stderr ] || sed 's/^/    /' stderr
}
# says NAME CODE PATTERN COMMAND...: the exit code, and what standard output and error hold together.
says() {
    local name=$1 code=$2 pattern=$3 got
    shift 3
    "$@" >stdout 2>stderr </dev/null
    got=$?
    [ "$got" -eq "$code" ] || fault "$name: exit code $got instead of $code"
    grep -Eq -- "$pattern" stdout stderr || fault "$name: nothing matches '$pattern'"
}

small=("$athanor" train model=lenet5-relu data=digits data.n=120 batch=20 threads=1 lr=0.05 init=kaiming)

# ---- planned rates ------------------------------------------------------------------------------------------------
says "rows" 0 '^ +2 +0\.025 +0\.025' "${small[@]}" epochs=4 schedule=step schedule.every=1ep schedule.factor=0.5 \
    --show-schedule -o plan.png
[ "$(wc -l <stdout)" -eq 5 ] || fault "rows: a head and four epochs are expected"
[ "$(head -c 4 plan.png | tail -c 3)" = PNG ] || fault "plan.png is no PNG"
says "json" 0 '"steps_per_epoch": 6,.*"epoch": 4, "stage": 0, "first"' "${small[@]}" epochs=4 schedule=cosine --show-schedule --json -o a.png
[ "$(wc -l <stdout)" -eq 1 ] || fault "json: one value on one line is expected"
[ ! -e runs ] || fault "--show-schedule trained"
says "stepped per batch" 0 'warning.*LR|falls from 0.05' "${small[@]}" epochs=100 \
    schedule=lambda 'schedule.expression=0.1^floor(step/10)' --show-schedule -o b.png
says "longer than the run" 0 'takes 200 epochs and the run 4' "${small[@]}" epochs=4 schedule=cosine schedule.length=200ep \
    --show-schedule -o c.png
says "shorter than the run" 0 'takes 2 epochs and the run 8: the last 6 epochs' "${small[@]}" epochs=8 schedule=cosine schedule.length=2ep \
    --show-schedule -o c.png
says "no unit" 2 '30ep or 500it' "${small[@]}" schedule=step schedule.every=30
says "expression" 2 "character 5 of '0.1\^flor" "${small[@]}" schedule=lambda 'schedule.expression=0.1^flor(epoch)'
says "no expression" 2 'needs schedule.expression' "${small[@]}" schedule=lambda
staged=("${small[@]}" stage.1.epochs=2 stage.2.epochs=3 stage.2.batch=40 stage.2.optimizer=adam stage.2.lr=0.004
    stage.2.schedule=linear)
says "stages" 0 '^ +2 +0\.05 +0\.05 .* 1$' "${staged[@]}" --show-schedule -o staged.png
grep -Eq '^ +3 +0\.004 .* 2$' stdout || fault "stages: epoch 3 begins with the second stage's rate"
[ "$(wc -l <stdout)" -eq 6 ] || fault "stages: a head and five epochs are expected"
says "stages, json" 0 '"schedule": "constant, linear", "optimizer": "sgd, adam", "peak": 0.05.*"epochs": 5, "steps_per_epoch": 0' \
    "${staged[@]}" --show-schedule --json -o staged.png
says "a stage's name that ends another's" 0 '"optimizer": "nadam, adam"' "${small[@]}" stage.1.optimizer=nadam \
    stage.2.optimizer=adam --show-schedule --json -o staged.png
for class in a b; do # photos, which no size was given for yet
    mkdir -p "photos/train/$class" "photos/val/$class"
    for k in 1 2 3; do printf 'P6\n2 2\n255\n%s' "$k$class$k$class$k$class$k$class$k$class$k$class" >"photos/train/$class/$k.ppm"; done
    cp "photos/train/$class/1.ppm" "photos/val/$class"
done
says "photos" 0 '^ +2 +0\.1 ' "$athanor" train model=lenet5 data=photos batch=4 epochs=2 lr=0.1 --show-schedule -o photos.png
says "too few photos" 2 'larger than the training set of 6' "$athanor" train model=lenet5 data=photos batch=8 --show-schedule
says "unwritable" 1 'nowhere' "${small[@]}" --show-schedule -o nowhere/plan.png

# ---- who reads what -----------------------------------------------------------------------------------------------
says "unused setting" 2 'adam does not use momentum.*sgd.*beta1' "${small[@]}" optimizer=adam momentum=0.9 out=none
says "unused schedule setting" 2 'cosine does not use schedule.every.*step' "${small[@]}" schedule=cosine schedule.every=3ep
says "own rate" 0 '^lr +0\.002 +default' "$athanor" train optimizer=nadam --show-config
printf 'optimizer: sgd\nmomentum: 0.9\n' >base.yaml
says "recipe's setting" 0 "adam does not use the recipe's momentum" "${small[@]}" recipe=base.yaml optimizer=adam lr=0.001 \
    epochs=1 out=ignored
says "resumed with it" 0 'resumed behind epoch 1' "$athanor" train resume=ignored
[ ! -e none ] || fault "a refused run left its folder"

# ---- groups and averages ------------------------------------------------------------------------------------------
run=("${small[@]}" epochs=3 ema=0.9 weight_decay=0.01 decay.exclude=norm,bias 'group.head.match=fc3.*' group.head.lr=2
    schedule=plateau schedule.patience=0 schedule.threshold=1000 schedule.threshold_mode=abs clip.norm=1 out=run)
says "training" 0 'parameter groups: main: [0-9]+ with sgd' "${run[@]}"
head -1 run/results.csv | grep -q ',ema_loss,ema_top1,grad_norm$' || fault "results.csv lacks columns: $(head -1 run/results.csv)"
[ "$(grep -c '"event":"plateau"' run/log.jsonl)" -eq 3 ] || fault "three decisions are expected in log.jsonl"
grep -q '"decision":"drop","lr":0.05,"next_lr":0.005' run/log.jsonl || fault "no drop in log.jsonl"
[ -s run/weights/ema.safetensors ] || fault "no averaged weights"
best=$(awk -F, 'NR > 1 && $11 > best {best = $11} END {print best}' run/results.csv)
says "best model" 0 '"top1"' "$athanor" eval run=run --json
top1=$(grep -o '"top1": *[0-9.]*' stdout | head -1 | grep -o '[0-9.]*$')
awk -v a="$best" -v b="$top1" 'BEGIN {exit !(a - b < 1e-4 && b - a < 1e-4)}' || fault "best is $top1, the average had $best"
says "other groups" 2 'group.head.lr was' "$athanor" train resume=run group.head.lr=3
says "other average" 2 "ema was '0.9'" "$athanor" train resume=run ema=0.5
says "other schedule" 2 'schedule was.*extend' "$athanor" train resume=run schedule=constant
says "another schedule on request" 0 'resumed behind epoch 3' "$athanor" train resume=run epochs=4 schedule=cosine extend=true
[ "$(wc -l <run/results.csv)" -eq 5 ] || fault "the extended run has $(wc -l <run/results.csv) lines of results"
says "momentum that cannot cycle" 2 'set momentum' "${small[@]}" schedule=one-cycle schedule.momentum_low=0.85 \
    schedule.momentum_high=0.95 out=none2
for optimizer in adam adamw nadam rmsprop adagrad lars muon; do
    says "$optimizer" 0 'best validation' "$athanor" train model=lenet5-relu data=digits data.n=120 batch=20 threads=1 \
        epochs=1 optimizer=$optimizer sam=0.02 lookahead=2 out=all overwrite=true
done

[ "$failures" -eq 0 ] || exit 1
echo "schedules, groups and averages behave"

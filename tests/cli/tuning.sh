#!/usr/bin/env bash
# The verbs that guide: doctor, lr-find, train repeat=, sweep, runs; as a user calls them.
set -uo pipefail

athanor=${ATHANOR_BIN:?}
failures=0
fault() {
    failures=$((failures + 1))
    echo "FAILED: $*"
    sed 's/^/    /' stdout stderr 2>/dev/null | head -40
}
expect() { # NAME CODE PATTERN COMMAND...: exit code, and a line of output that matches
    local name=$1 code=$2 pattern=$3 got
    shift 3
    "$@" >stdout 2>stderr </dev/null
    got=$?
    [ "$got" -eq "$code" ] || fault "$name: exit code $got instead of $code"
    grep -Eq -- "$pattern" stdout stderr || fault "$name: nothing matches '$pattern'"
    echo "$name: ok"
}

small=(model=lenet5-relu data=digits data.n=600 batch=50 lr=0.05 momentum=0.9 init=kaiming normalize=auto threads=1)

# ---- doctor -------------------------------------------------------------------------------------------------------
expect "doctor finds a schedule stepped per batch" 0 "^LR-DEAD .*warning" \
    "$athanor" doctor "${small[@]}" epochs=20 schedule=step schedule.every=5it doctor.steps=0
expect "doctor says what to change" 0 "change +schedule.every=5ep" \
    "$athanor" doctor "${small[@]}" epochs=20 schedule=step schedule.every=5it doctor.steps=0
expect "doctor finds a coarse stem" 0 "change +model.stem=cifar" \
    "$athanor" doctor model=resnet18 data=digits data.n=600 batch=50 resize=32 doctor.steps=0
expect "doctor finds nothing" 0 "Nothing found" "$athanor" doctor "${small[@]}" data.n=12000 epochs=10 doctor.steps=20
expect "doctor as JSON" 0 '"findings": *\[\]' "$athanor" doctor "${small[@]}" data.n=12000 epochs=10 doctor.steps=0 --json
expect "doctor's rules" 0 "^LR-DEAD " "$athanor" doctor rules
expect "doctor of no run" 2 "is no run folder" "$athanor" doctor run=nowhere
expect "doctor without anything" 2 "runs/last" "$athanor" doctor

expect "a run" 0 "run folder" "$athanor" train "${small[@]}" epochs=2 out=runs/a
[ -s runs/a/doctor.json ] || fault "the run left no doctor.json"
grep -q '"event":"vitals"' runs/a/log.jsonl || fault "the run left no vitals"
expect "doctor of a run" 0 "." "$athanor" doctor run=runs/a
expect "a run that is warned" 0 "warning:.*LR-DEAD" \
    "$athanor" train "${small[@]}" epochs=3 schedule=step schedule.every=2it out=runs/dead
[ "$("$athanor" doctor run=runs/dead --json | grep -c LR-DEAD)" -eq 1 ] || fault "LR-DEAD is not found once in runs/dead"

# ---- lr-find ------------------------------------------------------------------------------------------------------
expect "lr-find" 0 "^suggested: lr=" "$athanor" lr-find "${small[@]}" data.n=3000 lr.steps=60 -o range.png
[ "$(head -c 4 range.png | tail -c 3)" = PNG ] || fault "lr-find drew no figure"
expect "lr-find as JSON" 0 '"suggested"' "$athanor" lr-find "${small[@]}" data.n=3000 lr.steps=60 -o range.png --json
expect "lr-find upside down" 2 "lr.max=0.1 must be above lr.min=1" "$athanor" lr-find "${small[@]}" lr.min=1 lr.max=0.1

# ---- repeat -------------------------------------------------------------------------------------------------------
expect "repeat" 0 "95% interval .*\(2 runs\)" "$athanor" train "${small[@]}" epochs=1 repeat=2 out=runs/two
for file in repeat.json curves.png seed-1/summary.json seed-2/summary.json; do
    [ -s "runs/two/$file" ] || fault "repeat left no $file"
done
expect "repeat over a run" 2 "holds a single run" "$athanor" train "${small[@]}" epochs=1 repeat=2 out=runs/a
expect "repeat with other settings" 2 "lr is '0.01'" "$athanor" train "${small[@]}" lr=0.01 epochs=1 repeat=2 out=runs/two

# ---- sweep --------------------------------------------------------------------------------------------------------
expect "sweep" 0 "finished +lr=" "$athanor" sweep "${small[@]}" epochs=1 sweep.lr=0.01,0.05 out=runs/sweep
[ "$(wc -l <runs/sweep/sweep.csv)" -eq 3 ] || fault "sweep.csv has not two trials"
before=$(stat -c %i runs/sweep/trial-001/weights/last.safetensors)
expect "sweep again" 0 "finished +lr=" "$athanor" sweep resume=runs/sweep
[ "$(stat -c %i runs/sweep/trial-001/weights/last.safetensors)" = "$before" ] || fault "a finished trial was repeated"
expect "sweep over an unknown key" 2 "'lrr'.*'lr'" "$athanor" sweep "${small[@]}" sweep.lrr=0.1,0.2
expect "sweep over a wrong value" 2 "batch must be" "$athanor" sweep "${small[@]}" sweep.batch=8,none
expect "sweep over nothing" 2 "sweep.KEY" "$athanor" sweep "${small[@]}"
expect "resume of no sweep" 2 "no sweep.yaml" "$athanor" sweep resume=runs/a

# ---- runs ---------------------------------------------------------------------------------------------------------
expect "runs" 0 "runs/sweep/trial-002 +lenet5-relu +digits +1/1 .*finished" "$athanor" runs
expect "runs as JSON" 0 '"state": "finished"' "$athanor" runs list runs --json
expect "runs show" 0 "^runs/a .*2/2" "$athanor" runs show runs/a
expect "runs compare" 0 "curves: both.png" "$athanor" runs compare runs/a runs/dead -o both.png
[ "$(head -c 4 both.png | tail -c 3)" = PNG ] || fault "compare drew no figure"
expect "runs of nothing" 2 "no folder" "$athanor" runs list nowhere
expect "runs without sense" 2 "say what to do" "$athanor" runs frobnicate

[ "$failures" -eq 0 ] || echo "$failures checks failed"
exit "$((failures > 0))"

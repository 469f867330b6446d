#!/usr/bin/env bash
# Start-up and memory: `athanor version` and `athanor models` answer within 20 ms, and training LeNet-5 stays below
# 150 MiB of resident memory.
#
# Printed: the median of 15 starts by the clock, and the processor time of one, which other work on the machine hardly
# changes. The test judges the processor time and fails above 60 ms, three times the goal.
set -uo pipefail

athanor=${ATHANOR_BIN:?}
starts=15
limit=150
failures=0

fault() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}
median() { # COMMAND...: by the clock, in hundredths of a millisecond
    local begin end
    for _ in $(seq "$starts"); do
        begin=$(date +%s%N)
        "$@" >/dev/null
        end=$(date +%s%N)
        echo $(((end - begin) / 10000))
    done | sort -n | sed -n "$(((starts + 1) / 2))p"
}
repeat() {
    for _ in $(seq "$starts"); do "$@" >/dev/null 2>&1; done
}
processor_time() { # COMMAND...: of one start, in hundredths of a millisecond
    local TIMEFORMAT='%3U %3S' user system
    read -r user system < <({ time repeat "$@"; } 2>&1)
    echo $(((10#${user/./} + 10#${system/./}) * 100 / starts))
}

empty=$(median /bin/true)
for verb in version models; do
    "$athanor" "$verb" >/dev/null || fault "athanor $verb does not run"
    clock=$(median "$athanor" "$verb")
    used=$(processor_time "$athanor" "$verb")
    printf 'athanor %s: %d.%02d ms (an empty program: %d.%02d ms), processor time %d.%02d ms; goal 20 ms\n' "$verb" \
        $((clock / 100)) $((clock % 100)) $((empty / 100)) $((empty % 100)) $((used / 100)) $((used % 100))
    [ "$used" -le 6000 ] || fault "athanor $verb takes more than 60 ms of the processor"
done

# The whole of MNIST where it is there, the generated digits otherwise.
data=digits
if [ -e "${ATHANOR_DATA:-none}/mnist" ]; then data=mnist; fi
if "$athanor" train model=lenet5 "data=$data" epochs=1 batch=256 lr=0.1 out=memory --json >result 2>stderr; then
    rss=$(sed -n 's/.*"peak_rss_mib": *\([0-9]*\).*/\1/p' result)
    echo "training lenet5 on $data: peak resident memory ${rss:-unknown} MiB; goal below $limit MiB"
    if [ -z "$rss" ] || [ "$rss" -ge "$limit" ]; then fault "not below $limit MiB"; fi
else
    cat stderr
    fault "training LeNet-5 on $data"
fi
[ "$failures" -eq 0 ]

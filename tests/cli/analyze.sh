#!/usr/bin/env bash
# athanor analyze: the kinds are listed, Grad-CAM draws its figure and gives its figures, and what is asked wrongly is
# said.
set -uo pipefail

athanor=${ATHANOR_BIN:?}
failures=0
fault() {
    failures=$((failures + 1))
    echo "FAILED: $*"
    sed 's/^/    /' stderr
}
"$athanor" train model=lenet5-relu data=digits data.n=600 batch=20 epochs=1 threads=1 out=run --quiet >stdout 2>stderr || fault "training"
"$athanor" analyze >stdout 2>stderr && grep -q '^what=gradcam ' stdout || fault "the kinds are not listed"

printf 'P5\n28 28\n255\n' >grey.pgm
head -c 784 /dev/zero >>grey.pgm
echo nonsense >broken.pgm
"$athanor" analyze what=gradcam run=run val:0-2 grey.pgm broken.pgm -o seen.png >stdout 2>stderr || fault "gradcam"
[ "$(head -c 8 seen.png | od -An -tx1 | tr -d ' \n')" = 89504e470d0a1a0a ] || fault "seen.png is no PNG"
[ "$(wc -l <stdout)" -eq 4 ] || fault "not one line for each image that could be read"
grep -q 'broken.pgm' stderr || fault "the broken image is not named"

"$athanor" analyze what=gradcam run=run class=7 layer=conv1 val:0 broken.pgm out=one.png --json >stdout 2>stderr || fault "gradcam of a class"
python3 - <<'EOF' || fault "the JSON"
import json

result = json.load(open("stdout"))
assert result["what"] == "gradcam" and result["figure"] == "one.png" and result["layer"] == "conv1"
image, broken = result["images"]
assert (result["height"], result["width"]) == (len(image["map"]), len(image["map"][0])) == (28, 28)
assert image["index"] == 7 and 0 <= image["probability"] <= 1 and "index" in image["predicted"]
flat = [value for row in image["map"] for value in row]
assert max(flat) == image["largest"] and min(flat) >= 0
assert image["map"][image["peak"]["row"]][image["peak"]["column"]] == image["largest"]
assert broken["path"] == "broken.pgm" and broken["error"]
EOF

wrong() { # PATTERN ARGUMENT...
    local pattern=$1
    shift
    "$athanor" analyze run=run "$@" >stdout 2>stderr
    [ $? -eq 2 ] || fault "$*: not refused with exit code 2"
    grep -Eq -- "$pattern" stderr || fault "$*: the message does not match '$pattern'"
}
wrong "did you mean 'gradcam'" what=gradcm val:0
wrong "did you mean 'conv[12]'" what=gradcam layer=conv3 val:0
wrong "neither the name of a class nor a number" what=gradcam class=owl val:0
wrong "which images" what=gradcam
wrong "no such images: there are 0-" what=gradcam val:99999
[ "$failures" -eq 0 ]

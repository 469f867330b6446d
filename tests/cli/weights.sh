#!/usr/bin/env bash
# weights=: files of other programs are told by their content; hostile ones are refused with one message and exit code 3,
# and nothing that they say is done; what was loaded is said.
set -uo pipefail

athanor=${ATHANOR_BIN:?}
golden=${ATHANOR_TESTS:?}/golden
failures=0
fault() {
    failures=$((failures + 1))
    echo "FAILED: $*"
    sed 's/^/    /' stderr
}
refused() { # NAME PATTERN FILE
    "$athanor" train model=lenet5 data=digits data.n=60 batch=20 epochs=1 threads=1 out=none weights="$3" >stdout 2>stderr </dev/null
    local got=$?
    [ "$got" -eq 3 ] || fault "$1: exit code $got instead of 3"
    [ "$(grep -c '^athanor: ' stderr)" -eq 1 ] || fault "$1: not one message"
    grep -Eq -- "$2" stderr || fault "$1: the message does not match '$2'"
    [ ! -e none ] || fault "$1: it left a run folder behind"
    [ ! -e pwned ] || fault "$1: it ran what the file says"
    rm -rf none
}
head='\200\002\212\012\154\374\234\106\371\040\152\250\120\031.\200\002M\351\003.\200\002}.' # of the legacy form
command='cos\nsystem\nX\013\0\0\0touch pwned\205R'

printf "$head"'\200\002'"$command"'.\200\002].' >command.pth
refused "a command" "os\.system" command.pth
printf "$head"'\200\002}X\012\0\0\0state_dict'"$command"'s.\200\002].' >inside.pth
refused "a command in a dict" "no tensors" inside.pth
printf '\200\002'"$command"'.' >bare.pkl
refused "a bare pickle" "torch\.save" bare.pkl
printf 'cos\nsystem\n(S'"'touch pwned'"'\ntR.' >text.pkl
refused "a pickle in text" "known formats" text.pkl
{ printf "$head"'\200\002'; head -c 5000 /dev/zero | tr '\0' '('; printf '.\200\002].'; } >deep.pth
refused "marks without end" "deep" deep.pth
head -c 3000 "$golden/torch-zip.pt" >cut.pt
refused "a zip that is cut off" "damaged|known formats" cut.pt
head -c 2500 "$golden/torch-legacy.pt" >cut.pth
refused "a file that is cut off" "cut off" cut.pth
: >empty.pth
refused "an empty file" "known formats" empty.pth
echo '<html>404 Not Found</html>' >page.pth
refused "a web page" "pytorch" page.pth
refused "weights of another net" "0 of 10 tensors fit.*weights.partial=true" "$golden/torch-zip.pt"

# PyTorch's state_dict of a net of the zoo: the command line says what the file does not.
"$athanor" eval model=lenet5 model.width=0.015625 weights="$golden/torch-lenet.pt" data=digits data.n=60 normalize=0.1:0.3 \
    --json >stdout 2>stderr || fault "a state_dict of PyTorch"
grep -q 'torch-lenet.pt (pytorch): all 10 tensors loaded' stderr || fault "eval does not say what it loaded"
grep -q '"images": [1-9]' stdout || { cat stdout; fault "eval of PyTorch's weights gives no score"; }
"$athanor" eval model=lenet5 weights="$golden/torch-lenet.pt" data=digits data.n=60 >stdout 2>stderr
[ $? -eq 3 ] || fault "weights of a narrower net are evaluated"
grep -q 'have another shape: .*conv1.weight (1x1x5x5 there, 6x1x5x5 here)' stderr || fault "eval does not say what is wrong"

# A name without an ending loads as well; a net for other classes keeps its own head.
"$athanor" train model=lenet5 data=digits data.n=60 batch=20 epochs=1 threads=1 out=first --quiet >stdout 2>stderr || fault "training"
cp first/weights/last.safetensors weights
"$athanor" eval weights=weights data=digits data.n=60 >stdout 2>stderr || fault "weights without an ending"
grep -q 'weights (safetensors): all 10 tensors loaded' stderr || fault "eval does not say what it loaded"
"$athanor" train model=lenet5 data=digits data.n=60 classes=12 batch=20 epochs=1 threads=1 out=second weights=weights >stdout 2>stderr ||
    fault "a head for other classes"
grep -q '8 of 10 tensors loaded; the head is for 10 classes there and starts anew: fc3.weight, fc3.bias' stderr ||
    fault "train does not say that the head starts anew"

# A weight that is not a number, in a file that is otherwise in order: the last four bytes become a float32 NaN.
cp first/weights/last.safetensors nan.safetensors
printf '\0\0\300\177' | dd of=nan.safetensors bs=1 seek=$(($(wc -c <nan.safetensors) - 4)) conv=notrunc status=none
refused "a weight that is not a number" "no finite number at position" nan.safetensors
"$athanor" eval weights=nan.safetensors data=digits data.n=60 >stdout 2>stderr
[ $? -eq 3 ] || fault "weights that are no numbers are evaluated"

# Norms that are folded into the convolutions: the names say so, and the message says which option fits.
small=(model=mobilenetv2 model.width=0.05 data=digits data.n=60 resize=32 batch=20 epochs=1 threads=1)
"$athanor" train "${small[@]}" model.bn=folded out=folded >stdout 2>stderr || fault "training with folded norms"
"$athanor" train "${small[@]}" weights=folded/weights/last.safetensors out=none >stdout 2>stderr
[ $? -eq 3 ] || fault "weights without norms are taken for a net with norms"
grep -q 'folded into its convolutions: model.bn=folded fits' stderr || fault "train does not say which option fits"
"$athanor" train "${small[@]}" model.bn=folded weights=folded/weights/last.safetensors out=again >stdout 2>stderr ||
    fault "weights without norms"
grep -q 'all 106 tensors loaded' stderr || fault "weights without norms do not all load"
[ "$failures" -eq 0 ]

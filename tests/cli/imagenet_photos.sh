#!/usr/bin/env bash
# MobileNetV2 with the published ImageNet weights on 24 real photos, from the command line: the classes and the five
# logits of each photo are those of the stored reference (float32; Pillow's decoder and antialiased bilinear resize to a
# shorter side of 256, the longer one to the nearest pixel; middle 224x224 with its margin rounded down). The bound on
# logits, 0.05, leaves room for a decoder that rounds otherwise: a grey level is 1/127.5 of the input.
set -uo pipefail

athanor=${ATHANOR_BIN:?}
photos=${ATHANOR_DATA:-}/imagenet_samples
weights=${ATHANOR_DATA:-}/weights/mobilenet_v2_imagenet_folded.safetensors
if [ ! -f "$photos/labels.csv" ] || [ ! -f "$weights" ]; then
    echo "skipped: ATHANOR_DATA names no folder with imagenet_samples/ and weights/"
    exit 77
fi
failures=0
fault() {
    failures=$((failures + 1))
    echo "FAILED: $*"
    tail -n 5 stderr
}

net=(model=mobilenetv2 model.padding=same model.bn=folded resize=256 crop=224 normalize=half "weights=$weights")
"$athanor" predict "${net[@]}" "$photos" --json >predict.json 2>stderr || fault "predict"
"$athanor" predict "${net[@]}" resize.rounding=torchvision "$photos" --json >torchvision.json 2>stderr ||
    fault "predict in torchvision's rounding"
python3 - "$photos/labels.csv" <<'END' || fault "the logits are not the reference's"
import json, sys
rows = [line.strip().split(',') for line in open(sys.argv[1])][1:]
found = {p['path'].rsplit('/', 1)[1]: p for p in map(json.loads, open('predict.json'))}
other = {p['path'].rsplit('/', 1)[1]: p for p in map(json.loads, open('torchvision.json'))}
assert len(rows) == len(found) == 24
worst = (0.0, '')
for file, _, *stored in rows:
    logits = {guess['index']: guess['logit'] for guess in found[file]['top']}
    best = int(stored[0].split(':')[0])
    assert found[file]['index'] == best, (file, found[file]['index'], best)
    for index, logit in (item.split(':') for item in stored):
        if int(index) in logits: # the fifth may have changed places with the sixth
            worst = max(worst, (abs(logits[int(index)] - float(logit)), file))
    assert sum(int(item.split(':')[0]) in logits for item in stored) >= 4, file
print(f'24 of 24 classes; logits differ by at most {worst[0]:.2g} ({worst[1]})')
assert worst[0] < 0.05
# torchvision's rounding keeps the classes; another pixel of a few photos is seen.
assert all(other[file]['index'] == found[file]['index'] for file in found)
moved = sum(other[file]['top'] != found[file]['top'] for file in found)
print(f"torchvision's rounding moves {moved} of 24 photos")
assert 0 < moved < 12, moved
END

# eval over the same photos, once with the reference's classes as labels and once with the real ones: numbers are what
# the classes are called where the weights' file has no names for them.
tail -n +2 "$photos/labels.csv" | while IFS=, read -r file index first _; do
    printf '"%s" %s\n' "$photos/$file" "${first%%:*}" >&3
    printf '"%s" %s\n' "$photos/$file" "$index"
done 3>reference.txt >real.txt
for list in reference real; do
    "$athanor" eval "${net[@]}" classes=1000 data=$list.txt "data.val=$PWD/$list.txt" --json >$list.json 2>stderr ||
        fault "eval of $list.txt"
done
python3 - <<'END' || fault "eval differs from predict"
import json
predicted = {p['path']: p for p in map(json.loads, open('predict.json'))}
reference, real = json.load(open('reference.json')), json.load(open('real.json'))
assert reference['images'] == real['images'] == 24 and reference['top1'] == 100.0
lines = [line.rsplit(' ', 1) for line in open('real.txt')]
right = sum(predicted[path.strip('"')]['index'] == int(index) for path, index in lines)
assert abs(real['top1'] - 100.0 * right / 24) < 1e-6, (real['top1'], right)
assert len(real['worst']) == 24 # so few images are all among the worst: photo by photo, to the last bit
for worst in real['worst']:
    path, index = lines[worst['index']]
    p = predicted[path.strip('"')]
    assert (worst['class'], worst['predicted'], worst['probability']) == (index.strip(), p['class'], p['probability']), worst
END
"$athanor" eval "${net[@]}" data="$photos" data.val="$photos" >stdout 2>stderr && fault "eval without labels"

[ "$failures" -eq 0 ] || exit 1
echo "imagenet_photos: all as expected"

#!/usr/bin/env bash
# The doctor before runs: twenty healthy ones get no warning (one may), and each of the ten stages of the CIFAR-10 story hears
# its real cause first. Without ATHANOR_DATA only the runs on generated digits are asked about.
set -uo pipefail

tools=${ATHANOR_TESTS:?}/../tools
export ATHANOR_BIN=${ATHANOR_BIN:?} ATHANOR_RECIPES=$ATHANOR_TESTS/../recipes
failures=0

healthy='quickstart|constant|plain-sgd|step|warmup|batch-32|batch-256|smoothing|raw-pixels|weight-norm|small-set|mnist-relu'
healthy+='|cifar-resnet18|cifar-story-end|cifar-fast95|cifar-fast96|cifar-one-cycle|cifar-adamw|garbage-head|garbage-full'
[ -d "${ATHANOR_DATA:-/nonexistent}/cifar10" ] || unset ATHANOR_DATA
ONLY=$healthy bash "$tools/doctor_calibrate" digits glance "$PWD/healthy" || failures=$((failures + 1))
if [ -n "${ATHANOR_DATA:-}" ]; then
    ONLY='01|02|03|04|05|06|07|08|09|10' bash "$tools/doctor_stages" before "$PWD/stages" || failures=$((failures + 1))
else
    echo "without the stages of the CIFAR-10 story: ATHANOR_DATA is not set"
fi
[ "$failures" -eq 0 ]

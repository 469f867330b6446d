/* Athanor: native training of convolutional image classifiers. Umbrella header.
 *
 * A first program: examples/mnist.c. Everything fallible returns an ath_status; see status.h.
 */
#ifndef ATHANOR_ATHANOR_H
#define ATHANOR_ATHANOR_H

#include "athanor/config.h"
#include "athanor/data.h"
#include "athanor/device.h"
#include "athanor/format.h"
#include "athanor/graph.h"
#include "athanor/log.h"
#include "athanor/model.h"
#include "athanor/ops.h"
#include "athanor/status.h"
#include "athanor/tensor.h"
#include "athanor/train.h"
#include "athanor/tune.h"

#endif

"""draw_weights.py NAME FILE: the state_dict of one of torchvision's networks, with drawn weights and statistics.

Statistics that a network starts with (mean 0, variance 1) would hide faults in the folding of batch norms.
"""
import sys

import torch
import torchvision

NETWORKS = {
    "resnet18": torchvision.models.resnet18,
    "mobilenetv3-small": torchvision.models.mobilenet_v3_small,
    "efficientnet-b0": torchvision.models.efficientnet_b0,
    "shufflenetv2": torchvision.models.shufflenet_v2_x1_0,
}


def draw(net, seed=1):
    torch.manual_seed(seed)
    for key, value in net.state_dict().items():
        if key.endswith("running_mean"):
            value.normal_(0, 0.1)
        elif key.endswith("running_var"):
            value.uniform_(0.5, 1.5)
    return net


if __name__ == "__main__":
    torch.manual_seed(0)
    torch.save(draw(NETWORKS[sys.argv[1]]()).state_dict(), sys.argv[2])

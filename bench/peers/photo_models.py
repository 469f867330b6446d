"""The nets for photos, as torchvision defines them: imported by models.py, which names them all.

Their options are those of Athanor's zoo, so that one description serves both sides:

    padding=same     convolutions padded as TensorFlow's SAME: what is missing for ceil(size / stride) outputs, the odd
                     pixel behind the image
    bn=folded        no batch norms; the convolutions before them have biases
    pool=max         a maximum over the feature map in place of the mean
    activation=NAME  in place of the net's own, from torch.nn.functional
"""

import torch
from torch import nn
from torch.nn import functional as F


def pad_as_same(conv):
    """Moves a convolution's padding into a hook in front of it, which knows the image's size. Odd kernels at stride 1 lack
    the same at both sides, whatever the size: these keep padding of their own."""
    if all(s == 1 and k % 2 == 1 for s, k in zip(conv.stride, conv.kernel_size)):
        conv.padding = tuple((k - 1) * d // 2 for k, d in zip(conv.kernel_size, conv.dilation))
        return

    def pad(layer, inputs):
        (x,) = inputs
        sides = []
        for size, kernel, stride, dilation in zip(x.shape[2:], layer.kernel_size, layer.stride, layer.dilation):
            missing = max(0, (-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size)
            sides = [missing // 2, missing - missing // 2, *sides]
        return F.pad(x, sides)

    conv.padding = (0, 0)
    conv.register_forward_pre_hook(pad)


class Activation(nn.Module):
    def __init__(self, name):
        super().__init__()
        self.function = getattr(F, name)

    def forward(self, x):
        return self.function(x)


def replace(net, kinds, make):
    """Puts make(layer) in the place of every layer of these kinds."""
    for parent in list(net.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, kinds):
                setattr(parent, name, make(layer))


def biased(conv):
    return nn.Conv2d(
        conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding, conv.dilation, conv.groups
    )


def change(net, padding="symmetric", bn="live", activation=None):
    """The net in another form (see above)."""
    if activation:
        replace(net, (nn.ReLU6, nn.ReLU, nn.Hardswish, nn.SiLU), lambda _: Activation(activation))
    if bn == "folded":
        replace(net, nn.BatchNorm2d, lambda _: nn.Identity())
        replace(net, nn.Conv2d, biased)
    if padding == "same":
        for layer in net.modules():
            if isinstance(layer, nn.Conv2d):
                pad_as_same(layer)
    return net


class MaxHead(nn.Module):
    """A net of torchvision's with features and classifier, pooled by the maximum."""

    def __init__(self, net):
        super().__init__()
        self.features, self.classifier = net.features, net.classifier

    def forward(self, x):
        return self.classifier(torch.amax(self.features(x), (2, 3)))


def torchvision_net(name, classes=10, pool="mean", form=None, **options):
    from torchvision import models

    net = change(getattr(models, name)(num_classes=classes, **options), **(form or {}))
    return MaxHead(net) if pool == "max" else net


def mobilenet_v2(width=1.0, dropout=0.2, classes=10, pool="mean", **form):
    return torchvision_net("mobilenet_v2", classes, pool, form, width_mult=float(width), dropout=float(dropout))


def mobilenet_v3(size, width=1.0, dropout=0.2, classes=10, pool="mean", **form):
    return torchvision_net(
        f"mobilenet_v3_{size}", classes, pool, form, width_mult=float(width), dropout=float(dropout)
    )


def efficientnet(dropout=0.2, classes=10, pool="mean", **form):
    return torchvision_net("efficientnet_b0", classes, pool, form, dropout=float(dropout))


def shufflenet_v2(width, classes=10, **form):
    return torchvision_net(f"shufflenet_v2_x{width}", classes, "mean", form)


class DepthwiseSeparable(nn.Module):
    def __init__(self, inputs, outputs, stride, activation):
        super().__init__()
        self.activation = activation
        self.conv_dw = nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False)
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv_pw = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)

    def forward(self, x):
        x = self.activation(self.bn1(self.conv_dw(x)))
        return self.activation(self.bn2(self.conv_pw(x)))


class MobileNetV1(nn.Module):
    """Howard et al. 2017; torchvision has no such net, the names are those of the timm collection."""

    STAGES = ((64, 1, 1), (128, 2, 2), (256, 2, 2), (512, 6, 2), (1024, 2, 2))

    def __init__(self, activation="relu6", classes=10):
        super().__init__()
        self.activation = getattr(F, activation)
        self.conv_stem = nn.Conv2d(3, 32, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(32)
        stages, inputs = [], 32
        for outputs, count, stride in self.STAGES:
            stage = []
            for i in range(count):
                stage.append(DepthwiseSeparable(inputs, outputs, stride if i == 0 else 1, self.activation))
                inputs = outputs
            stages.append(nn.Sequential(*stage))
        self.blocks = nn.Sequential(*stages)
        self.classifier = nn.Linear(inputs, classes)

    def forward(self, x):
        x = self.blocks(self.activation(self.bn1(self.conv_stem(x))))
        return self.classifier(x.mean((2, 3)))


# name -> (builder, input C,H,W, trainable parameters at 10 classes)
MODELS = {
    "mobilenetv1": (MobileNetV1, (3, 224, 224), 3_217_226),
    "mobilenetv2": (mobilenet_v2, (3, 224, 224), 2_236_682),
    "mobilenetv3-small": (lambda **kw: mobilenet_v3("small", **kw), (3, 224, 224), 1_528_106),
    "mobilenetv3-large": (lambda **kw: mobilenet_v3("large", **kw), (3, 224, 224), 4_214_842),
    "efficientnet-b0": (efficientnet, (3, 224, 224), 4_020_358),
    "shufflenetv2": (lambda **kw: shufflenet_v2("1_0", **kw), (3, 224, 224), 1_263_854),
    "shufflenetv2-0.5": (lambda **kw: shufflenet_v2("0_5", **kw), (3, 224, 224), 352_042),
    "shufflenetv2-1.5": (lambda **kw: shufflenet_v2("1_5", **kw), (3, 224, 224), 2_488_874),
    "shufflenetv2-2.0": (lambda **kw: shufflenet_v2("2_0", **kw), (3, 224, 224), 5_365_486),
}

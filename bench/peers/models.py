"""The nets of the comparisons and of the golden data, in PyTorch: the one place where they are described on this side.

What:  one class per family and the table MODELS, which names every net together with its input shape, its number of
       classes and the number of trainable parameters that it must have.
Why:   a comparison of speed or of numbers means something only if both sides compute the same function. The parameter
       names below are the names that Athanor's zoo uses, so tensors pass between the two by name.
Role:  imported by train_peer.py, mnist_peer.py and tools/make_golden.py. Running this file checks every count and, with
       --names, prints the parameter names.
"""

import sys

import torch
from torch import nn

import photo_models


class LeNet(nn.Module):
    """LeCun et al. 1998 in the form that textbooks train today: average pooling, sigmoid, no Gaussian output.

    conv1 kxk padding 2 -> act -> avgpool 2 -> conv2 kxk -> act -> avgpool 2 -> fc1 -> act -> fc2 -> act -> fc3
    """

    def __init__(self, kernel=5, widths=(6, 16, 120, 84), activation=torch.sigmoid, classes=10):
        super().__init__()
        first, second, third, fourth = widths
        side = 28 + 4 - kernel + 1
        side = side // 2 - kernel + 1
        side = side // 2
        self.activation = activation
        self.conv1 = nn.Conv2d(1, first, kernel, padding=2)
        self.conv2 = nn.Conv2d(first, second, kernel)
        self.pool = nn.AvgPool2d(2)
        self.fc1 = nn.Linear(second * side * side, third)
        self.fc2 = nn.Linear(third, fourth)
        self.fc3 = nn.Linear(fourth, classes)

    def forward(self, x):
        x = self.pool(self.activation(self.conv1(x)))
        x = self.pool(self.activation(self.conv2(x)))
        x = x.flatten(1)
        x = self.activation(self.fc1(x))
        x = self.activation(self.fc2(x))
        return self.fc3(x)


class ShallowLeNet(nn.Module):
    """One convolution of 16 filters 5x5, sigmoid, average pooling, one dense layer on 16 * 14 * 14 = 3136 features."""

    def __init__(self, classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 5, padding=2)
        self.pool = nn.AvgPool2d(2)
        self.fc1 = nn.Linear(3136, classes)

    def forward(self, x):
        return self.fc1(self.pool(torch.sigmoid(self.conv1(x))).flatten(1))


class AlexNet(nn.Module):
    """Krizhevsky et al. 2012 for one channel of 224x224: 96-256-384-384-256, dense 4096-4096, no grouping, no LRN."""

    def __init__(self, classes=10, dropout=0.5):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 96, 11, stride=4, padding=1)
        self.conv2 = nn.Conv2d(96, 256, 5, padding=2)
        self.conv3 = nn.Conv2d(256, 384, 3, padding=1)
        self.conv4 = nn.Conv2d(384, 384, 3, padding=1)
        self.conv5 = nn.Conv2d(384, 256, 3, padding=1)
        self.pool = nn.MaxPool2d(3, 2)
        self.relu = nn.ReLU(inplace=True)
        self.dropout = nn.Dropout(dropout)
        self.fc1 = nn.Linear(6400, 4096)
        self.fc2 = nn.Linear(4096, 4096)
        self.fc3 = nn.Linear(4096, classes)

    def forward(self, x):
        x = self.pool(self.relu(self.conv1(x)))
        x = self.pool(self.relu(self.conv2(x)))
        x = self.relu(self.conv3(x))
        x = self.relu(self.conv4(x))
        x = self.pool(self.relu(self.conv5(x)))
        x = x.flatten(1)
        x = self.dropout(self.relu(self.fc1(x)))
        x = self.dropout(self.relu(self.fc2(x)))
        return self.fc3(x)


class BiasedBlock(nn.Module):
    """A basic residual block whose convolutions all keep their bias and whose 1x1 shortcut has no normalisation."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride))

    def forward(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet18Mnist(nn.Module):
    """He et al. 2015, ResNet-18 with the 7x7 stem, for one channel of 96x96, in the textbook form with biases."""

    def __init__(self, classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 64, 7, 2, 3)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        inputs = 64
        for stage, outputs in enumerate((64, 128, 256, 512), 1):
            first = BiasedBlock(inputs, outputs, 1 if stage == 1 else 2)
            self.add_module(f"layer{stage}", nn.Sequential(first, BiasedBlock(outputs, outputs, 1)))
            inputs = outputs
        self.fc = nn.Linear(512, classes)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3)))


class CifarBlock(nn.Module):
    """A basic residual block without convolution biases; the 1x1 shortcut is followed by batch normalisation."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class ResNet18Cifar(nn.Module):
    """ResNet-18 for 3x32x32: 3x3 stem of stride 1, no max pooling, average pooling of the last 4x4 map."""

    def __init__(self, classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        inputs = 64
        for stage, outputs in enumerate((64, 128, 256, 512), 1):
            first = CifarBlock(inputs, outputs, 1 if stage == 1 else 2)
            self.add_module(f"layer{stage}", nn.Sequential(first, CifarBlock(outputs, outputs, 1)))
            inputs = outputs
        self.pool = nn.AvgPool2d(4)
        self.linear = nn.Linear(512, classes)

    def forward(self, x):
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.linear(self.pool(x).flatten(1))


class InvertedResidual(nn.Module):
    """Point-wise, depth-wise, point-wise; a shortcut where the stride is 1, projected where the channels change."""

    def __init__(self, inputs, outputs, expansion, stride, activation):
        super().__init__()
        wide = expansion * inputs
        self.stride, self.activation = stride, activation
        self.conv1 = nn.Conv2d(inputs, wide, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(wide)
        self.conv2 = nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False)
        self.bn2 = nn.BatchNorm2d(wide)
        self.conv3 = nn.Conv2d(wide, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride == 1 and inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.activation(self.bn1(self.conv1(x)))
        y = self.activation(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return y + self.shortcut(x) if self.stride == 1 else y


class MobileNetV2Cifar(nn.Module):
    """Sandler et al. 2018 for 3x32x32: strides of 1 in the stem and in the second stage."""

    ROWS = ((1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))

    def __init__(self, activation="relu", classes=10):
        super().__init__()
        self.activation = getattr(nn.functional, activation)
        self.conv1 = nn.Conv2d(3, 32, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(32)
        layers, inputs = [], 32
        for expansion, outputs, count, stride in self.ROWS:
            for i in range(count):
                layers.append(InvertedResidual(inputs, outputs, expansion, stride if i == 0 else 1, self.activation))
                inputs = outputs
        self.layers = nn.Sequential(*layers)
        self.conv2 = nn.Conv2d(inputs, 1280, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(1280)
        self.linear = nn.Linear(1280, classes)

    def forward(self, x):
        x = self.layers(self.activation(self.bn1(self.conv1(x))))
        return self.linear(self.activation(self.bn2(self.conv2(x))).mean((2, 3)))


class WideBlock(nn.Module):
    """Pre-activated: norm and activation in front of each convolution; a bare 1x1 shortcut where channels change."""

    def __init__(self, inputs, outputs, stride, dropout):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.convShortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False) if inputs != outputs else None

    def forward(self, x):
        a = torch.relu(self.bn1(x))
        y = self.conv2(self.dropout(torch.relu(self.bn2(self.conv1(a)))))
        return y + (x if self.convShortcut is None else self.convShortcut(a))


class WideResNet(nn.Module):
    """Zagoruyko and Komodakis 2016 for 3x32x32."""

    def __init__(self, depth=28, width=10, dropout=0.0, classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        inputs = 16
        for b in range(3):
            outputs = 16 * width << b
            layers = []
            for i in range((depth - 4) // 6):
                layers.append(WideBlock(inputs, outputs, 2 if b > 0 and i == 0 else 1, dropout))
                inputs = outputs
            block = nn.Module()
            block.layer = nn.Sequential(*layers)
            self.add_module(f"block{b + 1}", block)
        self.bn1 = nn.BatchNorm2d(inputs)
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x):
        x = self.conv1(x)
        for block in (self.block1, self.block2, self.block3):
            x = block.layer(x)
        return self.fc(torch.relu(self.bn1(x)).mean((2, 3)))


class ResNet9(nn.Module):
    """Page 2018 for 3x32x32: 64-128-256-512, residuals behind the first and the third pooling, logits / 8."""

    UNITS = (
        ("prep", 3, 64), ("layer1", 64, 128), ("layer1_residual_res1", 128, 128), ("layer1_residual_res2", 128, 128),
        ("layer2", 128, 256), ("layer3", 256, 512), ("layer3_residual_res1", 512, 512),
        ("layer3_residual_res2", 512, 512),
    )  # fmt: skip

    def __init__(self, classes=10):
        super().__init__()
        for name, inputs, outputs in self.UNITS:
            self.add_module(f"{name}_conv", nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False))
            self.add_module(f"{name}_bn", nn.BatchNorm2d(outputs))
        self.linear = nn.Linear(512, classes, bias=False)

    def unit(self, x, name):
        return torch.relu(getattr(self, f"{name}_bn")(getattr(self, f"{name}_conv")(x)))

    def forward(self, x):
        x = self.unit(x, "prep")
        for name, residual in (("layer1", True), ("layer2", False), ("layer3", True)):
            x = torch.max_pool2d(self.unit(x, name), 2)
            if residual:
                x = x + self.unit(self.unit(x, f"{name}_residual_res1"), f"{name}_residual_res2")
        return self.linear(torch.max_pool2d(x, 4).flatten(1)) * 0.125


class NarrowResNet(nn.Module):
    """He et al. 2015, section 4.2, for 3x32x32: 16-32-64 channels, shortcuts by subsampling and zeros."""

    def __init__(self, depth=20, classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        inputs = 16
        for stage, outputs in enumerate((16, 32, 64), 1):
            blocks = []
            for i in range((depth - 2) // 6):
                blocks.append(CifarBlock(inputs, outputs, 2 if stage > 1 and i == 0 else 1))
                if inputs != outputs:
                    blocks[-1].shortcut = PadShortcut(outputs - inputs)
                inputs = outputs
            self.add_module(f"layer{stage}", nn.Sequential(*blocks))
        self.linear = nn.Linear(64, classes)

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(torch.relu(self.bn1(self.conv1(x))))))
        return self.linear(x.mean((2, 3)))


class PadShortcut(nn.Module):
    """Every second pixel; the new channels are zero, half of them in front."""

    def __init__(self, more):
        super().__init__()
        self.more = more

    def forward(self, x):
        return nn.functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.more // 2, self.more - self.more // 2))


class VggCifar(nn.Module):
    """Simonyan and Zisserman 2014 with batch norm for 3x32x32: five stages, then one linear layer on 512 features."""

    COUNTS = {11: (1, 1, 2, 2, 2), 16: (2, 2, 3, 3, 3)}

    def __init__(self, depth=16, classes=10):
        super().__init__()
        layers, inputs = [], 3
        for outputs, count in zip((64, 128, 256, 512, 512), self.COUNTS[depth]):
            for _ in range(count):
                layers += [nn.Conv2d(inputs, outputs, 3, 1, 1), nn.BatchNorm2d(outputs), nn.ReLU()]
                inputs = outputs
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(512, classes)

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


class FastNorm(nn.BatchNorm2d):
    """Batch norm whose scale stays 1."""

    def __init__(self, channels, momentum):
        super().__init__(channels, eps=1e-12, momentum=momentum)
        self.weight.requires_grad = False


class FastGroup(nn.Module):
    """Two or three convolutions, pooled behind the first; three make a residual group."""

    def __init__(self, inputs, outputs, convs, momentum):
        super().__init__()
        self.convs = convs
        for i in range(1, convs + 1):
            self.add_module(f"conv{i}", nn.Conv2d(inputs if i == 1 else outputs, outputs, 3, 1, 1, bias=False))
            self.add_module(f"norm{i}", FastNorm(outputs, momentum))

    def forward(self, x):
        gelu = nn.functional.gelu
        first = gelu(self.norm1(torch.max_pool2d(self.conv1(x), 2)))
        x = self.norm2(self.conv2(first))
        if self.convs == 3:
            x = self.norm3(self.conv3(gelu(x))) + first
        return gelu(x)


class FastNet(nn.Module):
    """The net of the fast CIFAR-10 recipes (airbench): frozen 2x2 whitening filters, three groups, logits / 9."""

    def __init__(self, widths=(64, 256, 256), convs=2, momentum=0.4, head="sgd", classes=10):
        super().__init__()
        self.divisor = 9 if head == "sgd" else widths[2]
        self.whiten = nn.Conv2d(3, 24, 2)
        self.whiten.weight.requires_grad = False
        groups = [FastGroup(i, o, convs, momentum) for i, o in zip((24, *widths), widths)]
        self.layers = nn.Sequential(nn.GELU(), *groups, nn.MaxPool2d(3))
        self.head = nn.Linear(widths[2], classes, bias=False)

    def forward(self, x):
        return self.head(self.layers(self.whiten(x)).flatten(1)) / self.divisor


class TinyBn(nn.Module):
    """A test net of 554 parameters that has every awkward piece: groups, stride, batch norm, a residual sum, pooling.

    a = relu(bn1(conv1(x)))              conv1: 2 -> 8, 3x3, padding 1, no bias
    b = bn2(conv2(a)) + avgpool2(a)      conv2: 8 -> 8, 3x3, stride 2, padding 1, two groups, no bias
    y = fc(mean over H, W of relu(b))    fc: 8 -> 10 with bias
    """

    def __init__(self, classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(2, 8, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 8, 3, 2, 1, groups=2, bias=False)
        self.bn2 = nn.BatchNorm2d(8)
        self.pool = nn.AvgPool2d(2)
        self.fc = nn.Linear(8, classes)

    def forward(self, x):
        a = torch.relu(self.bn1(self.conv1(x)))
        b = torch.relu(self.bn2(self.conv2(a)) + self.pool(a))
        return self.fc(b.mean((2, 3)))


# name -> (builder, input C,H,W, trainable parameters at 10 classes)
MODELS = {
    "lenet5": (LeNet, (1, 28, 28), 61_706),
    "lenet5-k3": (lambda **kw: LeNet(kernel=3, **kw), (1, 28, 28), 81_194),
    "lenet5-half": (lambda **kw: LeNet(widths=(3, 8, 60, 42), **kw), (1, 28, 28), 15_738),
    "lenet5-relu": (lambda **kw: LeNet(activation=torch.relu, **kw), (1, 28, 28), 61_706),
    "lenet5-shallow": (ShallowLeNet, (1, 28, 28), 31_786),
    "alexnet": (AlexNet, (1, 224, 224), 46_764_746),
    "resnet18-mnist": (ResNet18Mnist, (1, 96, 96), 11_178_378),
    "resnet18-cifar": (ResNet18Cifar, (3, 32, 32), 11_173_962),
    "resnet20-cifar": (NarrowResNet, (3, 32, 32), 269_722),
    "vgg11-bn-cifar": (lambda **kw: VggCifar(11, **kw), (3, 32, 32), 9_231_114),
    "vgg16-bn-cifar": (VggCifar, (3, 32, 32), 14_728_266),
    "mobilenetv2-cifar": (MobileNetV2Cifar, (3, 32, 32), 2_296_922),
    "wrn-28-10": (WideResNet, (3, 32, 32), 36_479_194),
    "wrn-16-4": (lambda **kw: WideResNet(16, 4, **kw), (3, 32, 32), 2_748_890),
    "wrn-16-8": (lambda **kw: WideResNet(16, 8, **kw), (3, 32, 32), 10_961_370),
    "wrn-40-2": (lambda **kw: WideResNet(40, 2, **kw), (3, 32, 32), 2_243_546),
    "resnet9": (ResNet9, (3, 32, 32), 6_573_120),
    "fastnet94": (FastNet, (3, 32, 32), 1_971_352),
    "fastnet95": (lambda **kw: FastNet((128, 384, 384), **kw), (3, 32, 32), 4_604_440),
    "fastnet96": (lambda **kw: FastNet((128, 384, 512), 3, 0.1, **kw), (3, 32, 32), 9_915_416),
    "tiny-bn": (TinyBn, (2, 8, 8), 554),
    **photo_models.MODELS,
}


def parameter_count(net):
    return sum(p.numel() for p in net.parameters() if p.requires_grad)


def build(name, **options):
    """A fresh net in PyTorch's default initialisation; raises if its size is not the documented one."""
    builder, _, expected = MODELS[name]
    net = builder(**options)
    count = parameter_count(net)
    if not options and count != expected:
        raise ValueError(f"{name} has {count} parameters; {expected} are documented")
    return net


def input_shape(name):
    return MODELS[name][1]


def main():
    bad = 0
    for name, (builder, shape, expected) in MODELS.items():
        net = builder()
        count = parameter_count(net)
        bad += count != expected
        outputs = tuple(net.eval()(torch.zeros(2, *shape)).shape)
        note = "" if count == expected else f"   MISMATCH: {expected} documented"
        print(f"{name:16} input {'x'.join(map(str, shape)):10} parameters {count:>10,} outputs {outputs}{note}")
        if "--names" in sys.argv[1:]:
            for key, value in net.state_dict().items():
                print(f"    {key:32} {'x'.join(map(str, value.shape)) or 'scalar'}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

import "../functions/activations.ftl"
import "../functions/initial.ftl"

/// Bottleneck adapters (Houlsby et al., 2019): what attention and the feedforward block give goes through a small network with a way
/// past it before it joins the residual stream. It starts close to doing nothing.
adapter bottleneck(
  /// Features inside.
  size: number,
  /// The activation between the two layers, as `config.json` names activations.
  nonlinearity: string = "relu",
) on sublayer {
  example { size: 64 }
  train down [size, width] at "adapter_down.weight" = normal(0.01)
  train shift [size] at "adapter_down.bias" = 0
  train up [width, size] at "adapter_up.weight" = normal(0.01)
  train offset [width] at "adapter_up.bias" = 0

  forward(x: [.., width], y: [.., width]) -> [.., width] {
    y + activation(nonlinearity, y @ down.T + shift) @ up.T + offset
  }

  peft { peft_type: "BOTTLENECK", bottleneck_size: size, non_linearity: nonlinearity }
}

/// The scaled parallel adapter (He et al., 2022): the small network sees what the sub-layer sees, and its result is added to the
/// sub-layer's. The paper puts it beside the feedforward block: `on: [mlp]`. It starts by doing nothing.
adapter parallel_bottleneck(
  /// Features inside.
  size: number,
  /// What its result is multiplied by.
  scale: number = 4,
  /// The activation between the two layers, as `config.json` names activations.
  nonlinearity: string = "relu",
) on sublayer {
  example { size: 64, on: [mlp] }
  train down [size, width] at "adapter_down.weight" = kaiming_uniform(width)
  train shift [size] at "adapter_down.bias" = 0
  train up [width, size] at "adapter_up.weight" = 0
  train offset [width] at "adapter_up.bias" = 0

  forward(x: [.., width], y: [.., width]) -> [.., width] {
    y + scale * (activation(nonlinearity, x @ down.T + shift) @ up.T + offset)
  }

  peft {
    peft_type: "PARALLEL_BOTTLENECK"
    bottleneck_size: size
    scaling: scale
    non_linearity: nonlinearity
  }
}

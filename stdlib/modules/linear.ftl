import "../functions/initial.ftl"

/// y = x Wᵀ + b, as torch.nn.Linear. W is [out, in] wherever it is named, here and in adapters as `base.W`, however it is stored.
module linear[in -> out](
  bias: boolean = false,
  /// The checkpoint stores the weight [in, out], as GPT-2's Conv1D does; PEFT's `fan_in_fan_out`.
  transposed: boolean = false,
) {
  weight W [out, in] at "weight" = kaiming_uniform(in) {
    stored: if transposed { [in, out] } else { [out, in] }
  }
  if bias {
    weight b [out] at "bias" = 0
  }
  forward(x: [.., in]) -> [.., out] {
    if bias { x @ W.T + b } else { x @ W.T }
  }
}

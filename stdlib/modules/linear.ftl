import "../functions/initial.ftl"

/// y = x Wᵀ + b, the weight stored [out, in] as in torch.nn.Linear.
module linear[in -> out](bias: boolean = false) {
  weight W [out, in] at "weight" = kaiming_uniform(in)
  if bias {
    weight b [out] at "bias" = 0
  }
  forward(x: [.., in]) -> [.., out] {
    if bias { x @ W.T + b } else { x @ W.T }
  }
}

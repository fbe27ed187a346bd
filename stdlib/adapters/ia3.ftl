/// Learned scales, (IA)³ (Liu et al., 2022): each feature that a module gives is scaled, or, in modules of the feedforward block, each
/// feature that it takes. The paper scales keys, values and the feedforward block's inner features: in Llama's names,
/// `on: [k_proj, v_proj, down_proj]`.
adapter ia3(
  /// Roles and names of the modules whose inputs are scaled instead of what they give.
  feedforward = ["mlp"],
) on linear {
  example { on: [attention, mlp] }
  let takes = selected(feedforward)
  if takes {
    train scale [1, in] at "ia3_l" = 1
    forward(x: [.., in]) -> [.., out] { base(x * scale) }
    merge(W: [out, in]) -> [out, in] { W * scale }
  } else {
    train scale [out, 1] at "ia3_l" = 1
    forward(x: [.., in], y: [.., out]) -> [.., out] { y * scale.T }
    merge(W, b) { (W * scale, if b == none { none } else { b * reshape(scale, [out]) }) }
  }

  peft {
    peft_type: "IA3"
    feedforward_modules: if takes { [path] } else { [] }
    fan_in_fan_out: base.transposed
    init_ia3_weights: true
  }
}

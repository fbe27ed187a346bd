import "../functions/activations.ftl"
import "linear.ftl"

/// The gated MLP (Shazeer, 2020): what goes up is multiplied by an activated gate before it comes down.
module gated_mlp[hidden, inner](
  /// The activation's name, as `config.json` writes it.
  activate: string,
  bias: boolean = false,
) {
  linear gate [hidden -> inner] at "gate_proj" as mlp { bias: bias }
  linear up [hidden -> inner] at "up_proj" as mlp { bias: bias }
  linear down [inner -> hidden] at "down_proj" as mlp { bias: bias }
  forward(x: [.., hidden]) -> [.., hidden] { down(activation(activate, gate(x)) * up(x)) }
}

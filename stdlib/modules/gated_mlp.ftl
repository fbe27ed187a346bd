import "../functions/activations.ftl"
import "linear.ftl"
import "sublayer.ftl"

/// The gated MLP (Shazeer, 2020): what goes up is multiplied by an activated gate before it comes down.
module gated_mlp[hidden, inner](
  /// The activation's name, as `config.json` writes it.
  activate: string,
  bias: boolean = false,
) {
  linear gate [hidden -> inner] at "gate_proj" as mlp { bias: bias }
  linear up [hidden -> inner] at "up_proj" as mlp { bias: bias }
  linear down [inner -> hidden] at "down_proj" as mlp { bias: bias }
  sublayer end [hidden] at "" as mlp
  forward(x: [.., hidden]) -> [.., hidden] { end(x, down(activation(activate, gate(x)) * up(x))) }
}

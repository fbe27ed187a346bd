// Activations, elementwise on tensors of any shape.

/// The logistic function.
function sigmoid(x: [..]) -> [..] {
  1 / (1 + exp(-x))
}

/// x · sigmoid(x), also called swish (Elfwing et al., 2017).
function silu(x: [..]) -> [..] {
  x * sigmoid(x)
}

/// The Gaussian error linear unit with the exact error function (Hendrycks and Gimpel, 2016).
function gelu(x: [..]) -> [..] {
  0.5 * x * (1 + erf(x / sqrt(2)))
}

/// The tanh approximation of gelu, which GPT-2 was trained with.
function gelu_tanh(x: [..]) -> [..] {
  0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x * x * x)))
}

/// max(x, 0).
function relu(x: [..]) -> [..] {
  max(x, 0)
}

/// Bends x to stay between −cap and cap (Gemma Team, 2024); a cap of none leaves it.
function soft_cap(x: [..], cap: number) -> [..] {
  if cap == none { x } else { cap * tanh(x / cap) }
}

/// The activation that a `config.json` names in `hidden_act`.
function activation(name, x: [..]) -> [..] {
  match name {
    "silu", "swish" => silu(x)
    "gelu" => gelu(x)
    "gelu_new", "gelu_fast", "gelu_pytorch_tanh" => gelu_tanh(x)
    "relu" => relu(x)
    "tanh" => tanh(x)
  }
}

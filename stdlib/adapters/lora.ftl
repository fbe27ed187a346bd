import "../functions/initial.ftl"

/// Low-rank adaptation (Hu et al., 2021): y + alpha / rank · (x Aᵀ) Bᵀ, with A and B trained and the weight frozen.
adapter lora(rank: number, alpha: number = rank, dropout: number = 0) on linear {
  train A [rank, in] at "lora_A.weight" = kaiming_uniform(in)
  train B [out, rank] at "lora_B.weight" = 0

  forward(x: [.., in], y: [.., out]) -> [.., out] {
    y + alpha / rank * (drop(x, dropout) @ A.T @ B.T)
  }

  peft {
    peft_type: "LORA"
    r: rank
    lora_alpha: alpha
    lora_dropout: dropout
    fan_in_fan_out: base.transposed
  }
}

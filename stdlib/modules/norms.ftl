/// Root-mean-square normalization (Zhang and Sennrich, 2019).
module rmsnorm[d](
  eps: number,
  /// What the stored weight counts from: 0, or 1 in Gemma.
  offset: number = 0,
) {
  weight W [d] at "weight" = 1 - offset
  forward(x: [.., d]) -> [.., d] {
    x * rsqrt(mean(x * x, over: d) + eps) * (if offset == 0 { W } else { offset + W })
  }
}

/// Layer normalization (Ba et al., 2016).
module layernorm[d](eps: number, bias: boolean = true) {
  weight W [d] at "weight" = 1
  if bias {
    weight b [d] at "bias" = 0
  }
  forward(x: [.., d]) -> [.., d] {
    let centred = x - mean(x, over: d)
    let y = centred * rsqrt(mean(centred * centred, over: d) + eps) * W
    if bias { y + b } else { y }
  }
}

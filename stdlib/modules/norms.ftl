/// Root-mean-square normalization (Zhang and Sennrich, 2019).
module rmsnorm[d](eps: number) {
  weight W [d] at "weight" = 1
  forward(x: [.., d]) -> [.., d] {
    x * rsqrt(mean(x * x, over: d) + eps) * W
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

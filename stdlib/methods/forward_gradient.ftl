/// Forward gradients (Baydin et al., 2022): how fast the loss grows along a random direction, found by forward-mode differentiation
/// beside one forward pass; times the direction, that is the gradient on average. Nothing is kept for a backward pass.
method forward_gradient {
  step(loss, s) {
    let (value, slope) = loss(along: w => normal(like: w))
    w => slope * normal(like: w)
  }
}

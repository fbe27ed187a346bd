// Matrices with orthogonal rows or columns.

/// One Newton-Schulz step with the coefficients of Jordan et al. (2024): all singular values of y, at most 1, move towards 1.
function newton_schulz(y: [n, m]) -> [n, m] {
  let gram = y @ y.T
  3.4445 * y + (2.0315 * (gram @ gram) - 4.775 * gram) @ y
}

/// About U Vᵀ of the singular value decomposition x = U S Vᵀ: singular values between 0.7 and 1.2 after five steps.
function orthogonal(x: [rows, columns], steps: number) -> [rows, columns] {
  let wide = if rows > columns { x.T } else { x }
  let y = iterate(z => newton_schulz(z), wide / max(norm(wide), 1e-7), times: steps)
  if rows > columns { y.T } else { y }
}

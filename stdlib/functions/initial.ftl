// Initial values. `uniform` and `normal` fill the declared shape from the run's seed.

/// Kaiming initialization with a = √5, as torch.nn.Linear does it: uniform within ±1 / √in (He et al., 2015).
function kaiming_uniform(in: number) {
  uniform(-1 / sqrt(in), 1 / sqrt(in))
}

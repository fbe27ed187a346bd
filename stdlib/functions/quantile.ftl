/// The number that a share of the elements lies below, by bisection: exact to 2^-24 of the range between smallest and largest.
function quantile(x, share: number) {
  let ends = concat(reshape(-max(-x), [1]), reshape(max(x), [1]), over: 0)
  mean(iterate(ends => halved(x, share, ends), ends, times: 24))
}

/// The half of the interval between two ends in which the quantile lies.
function halved(x, share: number, ends: [2]) -> [2] {
  let (low, high) = (ends[..<1], ends[1..<2])
  let middle = (low + high) / 2
  let isAbove = mean(select(x < middle, 1, 0)) < share
  concat(select(isAbove, middle, low), select(isAbove, high, middle), over: 0)
}

// Eigenvectors of small symmetric matrices, and the singular vectors of any matrix that are made of them.

/// Unit eigenvectors of a symmetric matrix as rows, in no order, and the matrix seen from them, with the eigenvalues on its diagonal.
/// Ten sweeps of Jacobi's method, in which disjoint pairs of rows turn at once (Brent and Luk, 1985). The kernel does the same in one workgroup.
function diagonalized(matrix: [n, n]) -> ([n, n], [n, n]) kernel jacobi {
  let turns = n - 1 + n - 2 * floor(n / 2)
  let start = concat(identity(n), matrix, broadcast(0.0 * matrix[..<1], [1, n]), over: 0)
  let state = iterate(state => jacobi_turn(state, n, turns), start, times: 10 * turns)
  (state[..<n], state[n..<2 * n])
}

/// One turn of every pair of rows: `state` is the vectors, the matrix, and the number of the turn in its last row.
function jacobi_turn(state: [all, n], size: number, turns: number) -> [all, n] {
  let (vectors, matrix, turn) = (state[..<size], state[size..<2 * size], state[2 * size..])
  let row = reshape(float(iota(size)), [size, 1])
  let now = reshape(turn, [size, 1])
  // In turn t rows i and j with i + j = 2t (modulo the turns) meet; of an even number the last meets the one that is left.
  let sum_met = 2 * now - row
  let met = sum_met - turns * floor(sum_met / turns)
  let partner = if turns == size {
    met
  } else {
    select(row == turns, now, select(row == now, turns, met))
  }
  let across = select(partner == row.T, 1.0, 0.0)
  let own = sum(matrix * identity(size), over: -1)
  let other = across @ own
  let cross = sum(matrix * across, over: -1)
  let isFirst = row < partner
  let idle = row == partner or abs(cross) <= 1e-9 * (abs(own) + abs(other))
  let half = select(isFirst, other - own, own - other) / select(idle, 1, 2 * cross)
  let tangent = select(half < 0, -1, 1) / (abs(half) + sqrt(half * half + 1))
  let cosine = select(idle, 1, rsqrt(tangent * tangent + 1))
  let sine = select(idle, 0, tangent * cosine)
  let turned = cosine * identity(size) + select(isFirst, -sine, sine) * across
  let next = select(turn == turns - 1, 0, turn + 1)
  concat(turned @ vectors, turned @ matrix @ turned.T, next, over: 0)
}

/// The matrix with ones on its diagonal.
function identity(size: number) -> [size, size] {
  select(reshape(iota(size), [size, 1]) == reshape(iota(size), [1, size]), 1.0, 0.0)
}

/// Unit eigenvectors of a symmetric matrix as rows, that of the largest eigenvalue first.
function eigenvectors(matrix: [n, n]) -> [n, n] {
  let (vectors, diagonal) = diagonalized(matrix)
  let values = sum(diagonal * identity(n), over: -1)
  let place = reshape(iota(n), [n, 1])
  let isBefore = values.T > values or (values.T == values and place.T < place)
  let rank = sum(select(isBefore, 1.0, 0.0), over: -1)
  select(float(place) == rank.T, 1.0, 0.0) @ vectors
}

/// The same row space, in rows that are orthogonal and of length one.
function orthonormal_rows(x: [n, m]) -> [n, m] {
  let y = eigenvectors(x @ x.T) @ x
  y / max(norm(y, over: m), 1e-30)
}

/// The first right singular vectors of W as rows, exact: by the eigenvectors of its smaller Gram matrix.
function exact_directions(W: [out, in], count: number) {
  if in <= out {
    eigenvectors(W.T @ W)[..<count]
  } else {
    let y = eigenvectors(W @ W.T)[..<count] @ W
    y / max(norm(y, over: -1), 1e-30)
  }
}

/// The first right singular vectors of W as rows. Of a large matrix those in a block of twice as many and 48 directions, after eight rounds of
/// subspace iteration (Halko, Martinsson and Tropp, 2011); of a small one exact.
function principal_directions(W: [out, in], count: number) {
  let block = 2 * count + 48
  if min(in, out) <= max(block, 128) {
    exact_directions(W, count)
  } else {
    let angles = reshape(float(iota(block)) + 0.5, [block, 1]) * reshape(float(iota(out)) + 0.5, [1, out])
    let start = orthonormal_rows(cos(pi / out * angles) @ W)
    let basis = iterate(q => orthonormal_rows(orthonormal_rows(q @ W.T) @ W), start, times: 8)
    exact_directions(W @ basis.T, count) @ basis
  }
}

// What ggml's blocks have in common (ggml-common.h): numbers in steps, bytes with a sign, bytes whose halves are two runs of codes.

/// Numbers in steps of a size; zeros where it is 0.
function in_steps(x, step) { select(step == 0, 0, x / select(step == 0, 1, step)) }

/// Bytes as numbers from −128 to 127.
function signed8(bytes) { float(bit_xor(bytes, 128)) - 128 }

/// Numbers from −128 to 127 as bytes.
function signed8_of(numbers) { bit_xor(whole(numbers + 128), 128) }

/// The two runs of codes of 4 bits that bytes hold: the lower halves, and the upper ones.
function runs_of_two(bytes: [n, width]) -> [n, 2, width] {
  bit_and(shift_right(reshape(bytes, [n, 1, width]), reshape(4 * whole(iota(2)), [2, 1])), 15)
}

/// Bytes whose halves are two runs of codes of 4 bits.
function two_runs(codes: [n, 2, width]) -> [n, width] {
  reshape(sum(shift_left(whole(codes), reshape(4 * whole(iota(2)), [2, 1])), over: 1), [n, width])
}

/// Eight numbers of 6 bits: the first four are the lower bits of four bytes, whose upper two stand above the 4 bits of the last four.
function of_sixes(first, last, blocks: number) {
  let later = bit_or(last, shift_left(shift_right(first, 6), 4))
  let early = reshape(bit_and(first, 63), [blocks, 1, 4])
  reshape(select(reshape(iota(2), [2, 1]) == 0, early, reshape(later, [blocks, 1, 4])), [blocks, 8])
}

/// Scales and minima of 6 bits, eight each, as bytes of three words.
function sixes(scale: [blocks, 8], minimum: [blocks, 8]) {
  let later_scale = scale[.., 4..<8]
  let later_minimum = minimum[.., 4..<8]
  let first = bit_or(scale[.., 0..<4], shift_left(shift_right(later_scale, 4), 6))
  let second = bit_or(minimum[.., 0..<4], shift_left(shift_right(later_minimum, 4), 6))
  let third = bit_or(bit_and(later_scale, 15), shift_left(bit_and(later_minimum, 15), 4))
  concat(first, second, third, over: 1)
}

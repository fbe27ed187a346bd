// Codes of few bits: packed into words of 32 and taken out again, and the nearest of some values that codes stand for. The first of
// several codes has the lowest bits of a word, but for the two halves of a byte: as in bitsandbytes' files the first has the upper one.

/// The lowest bit of each code in its word, for words of eight codes.
function places4() { 4 * bit_xor(iota(8), 1) }

/// The lowest bit of each code in its word, for words of four codes.
function places8() { 8 * whole(iota(4)) }

/// Codes below 16 as words.
function pack4(codes: [n, 8]) -> [n] { reshape(sum(shift_left(codes, places4()), over: 1), [n]) }

/// The codes below 16 that words hold.
function unpack4(words: [n]) -> [n, 8] { bit_and(shift_right(reshape(words, [n, 1]), places4()), 15) }

/// Codes below 256 as words.
function pack8(codes: [n, 4]) -> [n] { reshape(sum(shift_left(codes, places8()), over: 1), [n]) }

/// The codes below 256 that words hold.
function unpack8(words: [n]) -> [n, 4] { bit_and(shift_right(reshape(words, [n, 1]), places8()), 255) }

/// The numbers in rows, zeros behind the last.
function in_rows(x, count: number, width: number) {
  let missing = ceil(count / width) * width - count
  let flat = reshape(x, [count])
  let filled = if missing == 0 { flat } else { concat(flat, broadcast(0, [missing]), over: 0) }
  reshape(filled, [ceil(count / width), width])
}

/// The first numbers of some rows in another shape.
function out_of_rows(rows, count: number, shape) {
  let flat = reshape(rows, [size(rows, 0) * size(rows, 1)])
  reshape(flat[..<count], shape)
}

/// Each row as parts of its largest number. A row of zeros is −1 throughout, whose code is 0, as in bitsandbytes' files.
function parts_of(rows: [n, width], largest: [n, 1]) -> [n, width] {
  select(largest > 0, rows * (1 / largest), -1)
}

/// How many of 15 rising thresholds lie below x.
function above15(x, thresholds: [15]) {
  let a = whole(select(x > thresholds[7], 8, 0))
  let b = select(x > thresholds[a + 3], a + 4, a)
  let c = select(x > thresholds[b + 1], b + 2, b)
  select(x > thresholds[c], c + 1, c)
}

/// The number of the nearest of 256 rising values. Between two as near the even number is taken, as bitsandbytes does.
function nearest256(x, values: [256]) {
  let a = whole(select(x > values[127], 191, 63))
  let b = halfway(x, values, a, 32)
  let c = halfway(x, values, b, 16)
  let d = halfway(x, values, c, 8)
  let e = halfway(x, values, d, 4)
  let f = halfway(x, values, e, 2)
  let at = halfway(x, values, f, 1)
  let below = max(at, 1) - 1
  let value = values[at]
  let up = select(x > (values[at + 1] + value) * 0.5, at + 1, at)
  let down = select(x < (values[below] + value) * 0.5, below, at)
  select(x > value, up, down)
}

function halfway(x, values: [256], at, step: number) { select(x > values[at], at + step, at - step) }

/// The values of the dynamic tree map (Dettmers, 2016; Dettmers et al., 2022) in rising order: a decade for each number of leading zero
/// bits, as many values in a decade as bits are left. With a sign half of the values are below zero.
function dynamic_map(signed: boolean) -> [256] {
  let finer = if signed { 1 } else { 2 }
  let positive = concat(
    decade(finer, 1e-6),
    decade(2 * finer, 1e-5),
    decade(4 * finer, 1e-4),
    decade(8 * finer, 1e-3),
    decade(16 * finer, 1e-2),
    decade(32 * finer, 1e-1),
    decade(64 * finer, 1),
    over: 0,
  )
  let ends = concat([0], positive, [1], over: 0)
  if signed { concat(negative_decades(), ends, over: 0) } else { ends }
}

/// The means of neighbours among `items` + 1 numbers that stand evenly between a tenth of an end and the end.
function decade(items: number, end: number) {
  end * (0.1 + 0.9 * (iota(items) + 0.5) / items)
}

function negative_decades() {
  concat(
    falling(64, 1),
    falling(32, 1e-1),
    falling(16, 1e-2),
    falling(8, 1e-3),
    falling(4, 1e-4),
    falling(2, 1e-5),
    falling(1, 1e-6),
    over: 0,
  )
}

function falling(items: number, end: number) { -end * (0.1 + 0.9 * (items - 0.5 - iota(items)) / items) }

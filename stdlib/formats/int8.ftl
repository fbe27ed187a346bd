import "../functions/codes.ftl"

/// Whole numbers of 8 bits times a scale for each block. For weights steps are equal and values rounded to the nearest, the largest
/// of a block being ±127. For optimizers' states, which spread over many magnitudes, codes stand for the dynamic tree map
/// (Dettmers et al., 2022), without a sign where a state has none; states of less than 4,096 numbers stay f32.
format int8(
  /// Neighbours that share a scale; 64 for weights, 256 for states if unsaid.
  block: number = none,
  /// Share of a matrix's columns, those with the largest numbers, that is kept in bf16.
  outliers: number = 0,
) {
  example { block: 64 }
  let width = block ?? (if use == "state" { 256 } else { 64 })
  require width >= 16 and width <= 4096 and width % 8 == 0,
    "'block' takes a multiple of 8 from 16 to 4096, not {width}"
  require outliers >= 0 and outliers < 1, "'outliers' takes a share below 100%"
  require outliers == 0 or use == "weight", "only weights have outliers"
  table map = dynamic_map(signed)

  let blocks = ceil(count / width)
  let words = blocks * width / 4
  let columns = shape[-1]
  let kept = ceil(outliers * columns)

  tensor codes [words] as u32
  tensor scales [blocks, 1] as f32
  if kept > 0 {
    // For each column 0, or one more than its row in what is kept.
    tensor places [columns] as u32
    tensor whole_columns [kept, count / columns] as bf16
  }

  encode(x) {
    let matrix = reshape(x, [count / columns, columns])
    let place = if kept > 0 { largest_columns(matrix, kept) } else { none }
    if kept > 0 {
      places = place
      whole_columns = matrix.T[rows_of(place, kept)]
    }
    let rows = in_rows(if kept > 0 { select(place > 0, 0, matrix) } else { x }, count, width)
    let largest = max(abs(rows), over: 1)
    let parts = parts_of(rows, largest)
    let code = if use == "state" { nearest256(parts, map) } else { whole(round(127 * parts) + 128) }
    codes = pack8(reshape(code, [words, 4]))
    scales = largest
  }

  /// What hangs on numbers that moved: blocks that have some. All else keeps its bits.
  touched(moved) {
    let block_moved = max(in_rows(select(moved, 1, 0), count, width), over: 1) > 0
    (reshape(broadcast(block_moved, [blocks, width / 4]), [words]), block_moved)
  }

  decode() {
    let code = reshape(unpack8(codes), [blocks, width])
    let rows = if use == "state" { map[code] * scales } else { (float(code) - 128) * (scales / 127) }
    let plain = out_of_rows(rows, count, shape)
    if kept > 0 {
      let own = whole_columns[max(places, 1) - 1].T
      select(places > 0, own, plain)
    } else {
      plain
    }
  }
}

/// For each column 0, or its place, from 1, among the `kept` columns with the largest numbers; of equal ones the first go before.
function largest_columns(matrix: [rows, columns], kept: number) -> [columns] {
  let size = reshape(max(abs(matrix), over: 0), [columns])
  let number = iota(columns)
  let mine = reshape(size, [columns, 1])
  let before = select(
    size == mine,
    select(number < reshape(number, [columns, 1]), 1, 0),
    select(size > mine, 1, 0),
  )
  let place = reshape(sum(before, over: 1), [columns])
  whole(select(place < kept, place + 1, 0))
}

/// The columns that have the places 1 to `kept`.
function rows_of(place: [columns], kept: number) -> [kept] {
  let wanted = reshape(iota(kept) + 1, [kept, 1])
  whole(reshape(sum(select(place == wanted, iota(columns), 0), over: 1), [kept]))
}

import "../functions/codes.ftl"
import "../functions/ggml.ftl"

/// ggml's Q4_K: codes of 4 bits; each run of 32 has a scale and a minimum of 6 bits, whose own scales of 16 bits eight runs share. GGUF
/// files' blocks of it load without being encoded again; 4.5 bits a number.
format q4_k {
  example {}
  require use == "weight", "'q4_k' is for weights"
  let blocks = ceil(count / 256)

  // The scale of scales, and that of minima.
  tensor steps [blocks, 2] as f16
  // Of four words' bytes the first are scales, the second minima of runs 0 to 3; both have the upper 2 bits of a later run above their
  // 6. The third are the lower 4 bits of runs 4 to 7: the scale's below the minimum's.
  tensor scales [blocks * 3] as u32
  tensor codes [blocks * 32] as u32

  encode(x) {
    let runs = reshape(in_rows(x, count, 256), [blocks, 8, 32])
    let lowest = max(max(-runs, over: 2), 0)
    let step = (max(runs, over: 2) + lowest) / 15
    let pair = half(concat(max(step, over: 1), max(lowest, over: 1), over: 2) / 63)
    let scale = clamp(round(in_steps(step, pair[.., .., 0..<1])), 0, 63)
    let minimum = clamp(round(in_steps(lowest, pair[.., .., 1..<2])), 0, 63)
    let code = round(in_steps(runs + minimum * pair[.., .., 1..<2], scale * pair[.., .., 0..<1]))
    codes = pack8(reshape(two_runs(reshape(clamp(code, 0, 15), [blocks * 4, 2, 32])), [blocks * 32, 4]))
    let bytes = sixes(whole(reshape(scale, [blocks, 8])), whole(reshape(minimum, [blocks, 8])))
    scales = pack8(reshape(bytes, [blocks * 3, 4]))
    steps = reshape(pair, [blocks, 2])
  }

  decode() {
    let parts = reshape(unpack8(scales), [blocks, 3, 4])
    let scale = float(of_sixes(parts[.., 0, ..], bit_and(parts[.., 2, ..], 15), blocks))
    let minimum = float(of_sixes(parts[.., 1, ..], shift_right(parts[.., 2, ..], 4), blocks))
    let code = float(reshape(runs_of_two(reshape(unpack8(codes), [blocks * 4, 32])), [blocks, 8, 32]))
    let step = reshape(scale * steps[.., 0..<1], [blocks, 8, 1])
    let lowest = reshape(minimum * steps[.., 1..<2], [blocks, 8, 1])
    out_of_rows(reshape(code * step - lowest, [blocks, 256]), count, shape)
  }

  gguf { type: "Q4_K" }
}

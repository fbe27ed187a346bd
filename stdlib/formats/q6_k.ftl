import "../functions/codes.ftl"
import "../functions/ggml.ftl"

/// ggml's Q6_K: codes of 6 bits; each run of 16 has a scale of 8 bits, whose own scale of 16 bits sixteen runs share. GGUF files' blocks
/// of it load without being encoded again; 6.56 bits a number.
format q6_k {
  example {}
  require use == "weight", "'q6_k' is for weights"
  let blocks = ceil(count / 256)

  // The lower 4 bits of codes and their upper 2. 128 numbers are four runs of 32: two share the bytes of lower bits, four those of upper.
  tensor low [blocks * 32] as u32
  tensor high [blocks * 16] as u32
  tensor scales [blocks * 4] as u32
  tensor steps [blocks] as f16

  encode(x) {
    let runs = reshape(in_rows(x, count, 256), [blocks, 16, 16])
    let own = max(abs(runs), over: 2) / 31
    let step = half(max(own, over: 1) / 127)
    let scale = clamp(round(in_steps(own, step)), 0, 127)
    let rounded = clamp(round(in_steps(runs, scale * step)) + 32, 0, 63)
    let code = whole(reshape(rounded, [blocks, 2, 4, 32]))
    low = pack8(reshape(two_runs(reshape(bit_and(code, 15), [blocks * 2, 2, 64])), [blocks * 32, 4]))
    let upper = shift_left(shift_right(code, 4), reshape(2 * whole(iota(4)), [4, 1]))
    high = pack8(reshape(sum(upper, over: 2), [blocks * 16, 4]))
    scales = pack8(reshape(signed8_of(scale), [blocks * 4, 4]))
    steps = reshape(step, [blocks])
  }

  decode() {
    let lower = reshape(runs_of_two(reshape(unpack8(low), [blocks * 2, 64])), [blocks, 2, 4, 32])
    let shifts = reshape(2 * whole(iota(4)), [4, 1])
    let upper = bit_and(shift_right(reshape(unpack8(high), [blocks, 2, 1, 32]), shifts), 3)
    let code = float(lower) + 16 * float(upper) - 32
    let step = reshape(signed8(unpack8(scales)), [blocks, 16, 1]) * reshape(steps, [blocks, 1, 1])
    out_of_rows(reshape(reshape(code, [blocks, 16, 16]) * step, [blocks, 256]), count, shape)
  }

  gguf { type: "Q6_K" }
}

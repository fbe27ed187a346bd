import "../functions/codes.ftl"
import "../functions/ggml.ftl"

/// ggml's Q4_0: codes of 4 bits times a scale of 16 bits for each 32, whose largest number is eight steps below zero or above. GGUF files'
/// blocks of it load without being encoded again; 4.5 bits a number.
format q4_0 {
  example {}
  require use == "weight", "'q4_0' is for weights"
  let blocks = ceil(count / 32)

  tensor scales [blocks] as f16
  tensor codes [blocks * 4] as u32

  encode(x) {
    let rows = in_rows(x, count, 32)
    let most = max(rows, over: 1)
    let least = -max(-rows, over: 1)
    let scale = half(select(most > -least, most, least) / -8)
    let code = clamp(round(in_steps(rows, scale)) + 8, 0, 15)
    codes = pack8(reshape(two_runs(reshape(code, [blocks, 2, 16])), [blocks * 4, 4]))
    scales = reshape(scale, [blocks])
  }

  decode() {
    let code = runs_of_two(reshape(unpack8(codes), [blocks, 16]))
    let rows = (float(reshape(code, [blocks, 32])) - 8) * reshape(scales, [blocks, 1])
    out_of_rows(rows, count, shape)
  }

  gguf { type: "Q4_0" }
}

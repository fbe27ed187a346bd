import "../functions/codes.ftl"
import "../functions/ggml.ftl"

/// ggml's Q8_0: whole numbers of 8 bits with a sign, a scale of 16 bits for each 32. GGUF files' blocks of it load without being encoded
/// again; 8.5 bits a number.
format q8_0 {
  example {}
  require use == "weight", "'q8_0' is for weights"
  let blocks = ceil(count / 32)

  // In the order in which a block has them, as in all formats of GGUF files.
  tensor scales [blocks] as f16
  tensor codes [blocks * 8] as u32

  encode(x) {
    let rows = in_rows(x, count, 32)
    let scale = half(max(abs(rows), over: 1) / 127)
    let code = clamp(round(in_steps(rows, scale)), -127, 127)
    codes = pack8(reshape(signed8_of(code), [blocks * 8, 4]))
    scales = reshape(scale, [blocks])
  }

  decode() {
    let rows = reshape(signed8(unpack8(codes)), [blocks, 32]) * reshape(scales, [blocks, 1])
    out_of_rows(rows, count, shape)
  }

  gguf { type: "Q8_0" }
}

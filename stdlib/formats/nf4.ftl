import "../functions/codes.ftl"

/// 4-bit NormalFloat (Dettmers et al., 2023): a number is one of 16 quantiles of the normal distribution times the largest of its block.
/// Codes and scales have the same bits as in bitsandbytes' files, which load without being encoded again.
format nf4(
  /// Neighbours that share a scale.
  block: number = 64,
  /// The scales, less their mean, are held in 8 bits themselves, in blocks of 256: 4.13 bits a number instead of 4.5.
  double: boolean = true,
) {
  example { block: 64, double: true }
  require block >= 16 and block <= 4096 and block % 8 == 0,
    "'block' takes a multiple of 8 from 16 to 4096, not {block}"

  let values = [
    -1,
    -0.6961928009986877,
    -0.5250730514526367,
    -0.39491748809814453,
    -0.28444138169288635,
    -0.18477343022823334,
    -0.09105003625154495,
    0,
    0.07958029955625534,
    0.16093020141124725,
    0.24611230194568634,
    0.33791524171829224,
    0.44070982933044434,
    0.5626170039176941,
    0.7229568362236023,
    1,
  ]
  table quantiles = values
  table thresholds = (values[..<15] + values[1..]) / 2
  table map = dynamic_map(true)

  let blocks = ceil(count / block)
  let groups = ceil(blocks / 256)

  tensor codes [blocks * block / 8] at "" as u32
  if double {
    tensor scale_codes [groups * 64] at "absmax" as u32
    tensor group_scales [groups, 1] at "nested_absmax" as f32
    tensor offset [1] at "nested_offset" as f32
  } else {
    tensor scales [blocks, 1] at "absmax" as f32
  }

  encode(x) {
    let rows = in_rows(x, count, block)
    let largest = max(abs(rows), over: 1)
    codes = pack4(reshape(above15(parts_of(rows, largest), thresholds), [blocks * block / 8, 8]))
    if double {
      offset = reshape(mean(largest), [1])
      let rest = in_rows(largest - mean(largest), blocks, 256)
      group_scales = max(abs(rest), over: 1)
      scale_codes = pack8(reshape(nearest256(parts_of(rest, max(abs(rest), over: 1)), map), [groups * 64, 4]))
    } else {
      scales = largest
    }
  }

  decode() {
    let rows = reshape(quantiles[unpack4(codes)], [blocks, block])
    let largest = if double {
      let rest = reshape(map[unpack8(scale_codes)], [groups, 256]) * group_scales
      reshape(reshape(rest, [groups * 256])[..<blocks], [blocks, 1]) + offset
    } else {
      scales
    }
    out_of_rows(rows * largest, count, shape)
  }

  bitsandbytes {
    state: "quant_state.bitsandbytes__nf4"
    quant_type: "nf4"
    blocksize: block
    nested_blocksize: if double { 256 } else { none }
    quant_map: quantiles
    nested_quant_map: if double { map } else { none }
  }
}

import "../functions/codes.ftl"

/// Whole numbers of 4 bits between the least and the largest number of each group (Xu et al., 2023): a scale and an offset for each.
/// A constant added to all numbers of a group changes its offset alone.
format int4(
  /// Neighbours of a row that share a scale and an offset.
  block: number = 32,
) {
  example { block: 16 }
  require block >= 16 and block <= 4096 and block % 8 == 0,
    "'block' takes a multiple of 8 from 16 to 4096, not {block}"
  require use == "weight", "'int4' is for weights"
  require shape[-1] % block == 0, "rows of {shape[-1]} are no whole number of groups of {block}"

  let groups = count / block

  tensor codes [groups * block / 8] as u32
  tensor scales [groups, 1] as f32
  tensor offsets [groups, 1] as f32

  encode(x) {
    let rows = reshape(x, [groups, block])
    let least = -max(-rows, over: 1)
    let step = (max(rows, over: 1) - least) / 15
    let code = whole(round(select(step > 0, (rows - least) / step, 0)))
    codes = pack4(reshape(code, [groups * block / 8, 8]))
    scales = step
    offsets = least
  }

  decode() {
    let code = reshape(unpack4(codes), [groups, block])
    reshape(float(code) * scales + offsets, shape)
  }
}

/// The end of a sub-layer as a place that adapters can change: what went in, after its norm, and what it gives to the residual stream.
module sublayer[width] {
  forward(x: [.., width], y: [.., width]) -> [.., width] { y }
}

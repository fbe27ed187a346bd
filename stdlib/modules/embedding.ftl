/// One row of the table for each index.
module embedding[count, width] {
  weight W [count, width] at "weight" = normal(0.02)
  forward(ids: [..]) -> [.., width] { W[ids] }
}

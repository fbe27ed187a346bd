recipe untidy {
  model     "../reference/models/llama/base"
  adapter   lora { rank: 4, alpha: 8 }
  data      "rows.jsonl" { format: tokens, length: 48 } // a comment
  batch     2
  optimizer adamw { rate: 3e-3 }
  training  20 steps
}
